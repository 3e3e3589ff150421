#include "multiformats/multiaddr.h"

#include "multiformats/errors.h"
#include "multiformats/multiaddr_protocols.h"
#include "multiformats/varint.h"

#include <algorithm>
#include <cassert>
#include <charconv>

namespace multiformats {

namespace {

struct RawComponent {
  const AddrProtocolInfo* info;
  base::ConstBytes value;  // inside the bytes that were read
  std::size_t size;        // of the whole component
};

// Reads the component that `bytes` begins with and checks its value.
base::Result<RawComponent> read_component(base::ConstBytes bytes) {
  const auto code = read_uvarint(bytes);
  if (!code) return code.error() == Errc::kIncomplete ? Errc::kTruncated : code.error();
  const AddrProtocolInfo* info = find_protocol(code->value);
  if (!info) return Errc::kUnknownProtocol;
  std::size_t header = code->size;
  std::uint64_t size = 0;
  if (const auto fixed = info->fixed_size()) {
    size = *fixed;
  } else {
    const auto length = read_uvarint(bytes.subspan(header));
    if (!length) return length.error() == Errc::kIncomplete ? Errc::kTruncated : length.error();
    header += length->size;
    size = length->value;
  }
  if (bytes.size() - header < size) return Errc::kTruncated;
  const RawComponent component{info, bytes.subspan(header, size), header + static_cast<std::size_t>(size)};
  if (auto checked = check_value(info->kind, component.value); !checked) return checked.error();
  return component;
}

// All components, or the first error.
base::Result<std::vector<RawComponent>> read_components(base::ConstBytes bytes) {
  if (bytes.size() > kMultiaddrBytesMax) return Errc::kTooLong;
  std::vector<RawComponent> components;
  while (!bytes.empty()) {
    if (components.size() == kMultiaddrComponentsMax) return Errc::kTooManyComponents;
    const auto component = read_component(bytes);
    if (!component) return component.error();
    bytes = bytes.subspan(component->size);
    // In text a path takes all that follows, so nothing may follow.
    if (component->info->kind == AddrValueKind::kPath && !bytes.empty()) return Errc::kBadAddressValue;
    components.push_back(*component);
  }
  return components;
}

std::vector<RawComponent> components_of(const base::Bytes& well_formed) {
  auto components = read_components(well_formed);
  assert(components);
  return std::move(*components);
}

void append_component(base::Bytes& to, const AddrProtocolInfo& info, base::ConstBytes value) {
  append_uvarint(to, static_cast<std::uint64_t>(info.protocol));
  if (!info.fixed_size()) append_uvarint(to, value.size());
  base::append(to, value);
}

void append_component(base::Bytes& to, AddrProtocol protocol, base::ConstBytes value) {
  append_component(to, *find_protocol(static_cast<std::uint64_t>(protocol)), value);
}

// Takes what precedes the next slash off `rest`, and that slash.
std::string_view take_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('/'), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

std::uint32_t numeric_zone(std::string_view zone) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(zone.data(), zone.data() + zone.size(), number);
  return error == std::errc() && end == zone.data() + zone.size() ? number : 0;
}

boost::asio::ip::address ip_address(const RawComponent& component, std::string_view zone) {
  if (component.info->protocol == AddrProtocol::kIp4) {
    boost::asio::ip::address_v4::bytes_type bytes;
    std::ranges::copy(component.value, bytes.begin());
    return boost::asio::ip::address_v4(bytes);
  }
  boost::asio::ip::address_v6::bytes_type bytes;
  std::ranges::copy(component.value, bytes.begin());
  return boost::asio::ip::address_v6(bytes, numeric_zone(zone));
}

}  // namespace

std::string AddrComponent::value_text() const {
  return value_to_text(find_protocol(static_cast<std::uint64_t>(protocol))->kind, value);
}

base::Result<Multiaddr> Multiaddr::from_text(std::string_view text) {
  if (text.empty()) return Errc::kEmpty;
  if (text.size() > kMultiaddrTextMax) return Errc::kTooLong;
  if (!text.starts_with('/')) return Errc::kMissingSlash;
  std::string_view rest = text.substr(1);
  base::Bytes bytes;
  while (!rest.empty()) {
    const AddrProtocolInfo* info = find_protocol(take_word(rest));
    if (!info) return Errc::kUnknownProtocol;
    std::string_view value_text;
    if (info->kind == AddrValueKind::kPath) {
      // The path keeps its leading slash: it is the one that ended the protocol's name.
      const std::size_t at = text.size() - rest.size();
      value_text = text[at - 1] == '/' ? text.substr(at - 1) : std::string_view();
      rest = {};
    } else if (info->kind != AddrValueKind::kNone) {
      value_text = take_word(rest);
    }
    const auto value = value_from_text(info->kind, value_text);
    if (!value) return value.error();
    append_component(bytes, *info, *value);
  }
  return from_bytes(bytes);
}

base::Result<Multiaddr> Multiaddr::from_bytes(base::ConstBytes bytes) {
  if (bytes.empty()) return Errc::kEmpty;
  if (auto components = read_components(bytes); !components) return components.error();
  return Multiaddr(base::to_bytes(bytes));
}

Multiaddr Multiaddr::from_ip_tcp(const boost::asio::ip::address& address, std::uint16_t port) {
  base::Bytes bytes;
  if (address.is_v4()) {
    append_component(bytes, AddrProtocol::kIp4, address.to_v4().to_bytes());
  } else {
    const auto v6 = address.to_v6();
    if (v6.scope_id() != 0) {
      const std::string zone = std::to_string(v6.scope_id());
      append_component(bytes, AddrProtocol::kIp6Zone, base::as_bytes(zone));
    }
    append_component(bytes, AddrProtocol::kIp6, v6.to_bytes());
  }
  std::array<std::uint8_t, 2> value;
  base::store_be16(value.data(), port);
  append_component(bytes, AddrProtocol::kTcp, value);
  return Multiaddr(std::move(bytes));
}

std::string Multiaddr::to_text() const {
  std::string text;
  for (const RawComponent& component : components_of(bytes_)) {
    text += '/';
    text += component.info->name;
    const std::string value = value_to_text(component.info->kind, component.value);
    if (!value.empty() && component.info->kind != AddrValueKind::kPath) text += '/';
    text += value;
  }
  return text;
}

std::vector<AddrComponent> Multiaddr::components() const {
  std::vector<AddrComponent> result;
  for (const RawComponent& c : components_of(bytes_)) result.push_back({c.info->protocol, base::to_bytes(c.value)});
  return result;
}

bool Multiaddr::has(AddrProtocol protocol) const {
  return std::ranges::any_of(components_of(bytes_), [&](const auto& c) { return c.info->protocol == protocol; });
}

std::optional<PeerId> Multiaddr::peer_id() const {
  const auto components = components_of(bytes_);
  if (components.empty() || components.back().info->protocol != AddrProtocol::kP2p) return std::nullopt;
  return *PeerId::from_bytes(components.back().value);
}

Multiaddr Multiaddr::without_peer() const {
  const auto components = components_of(bytes_);
  if (components.empty() || components.back().info->protocol != AddrProtocol::kP2p) return *this;
  return Multiaddr(base::Bytes(bytes_.begin(), bytes_.end() - static_cast<std::ptrdiff_t>(components.back().size)));
}

Multiaddr Multiaddr::without_first() const {
  const auto components = components_of(bytes_);
  assert(!components.empty());
  return Multiaddr(base::Bytes(bytes_.begin() + static_cast<std::ptrdiff_t>(components.front().size), bytes_.end()));
}

base::Result<Multiaddr> Multiaddr::with_peer(const PeerId& peer) const {
  assert(!peer.empty());
  base::Bytes bytes = without_peer().bytes_;
  append_component(bytes, AddrProtocol::kP2p, peer.as_bytes());
  return from_bytes(bytes);
}

base::Result<Multiaddr> Multiaddr::encapsulate(const Multiaddr& inner) const {
  base::Bytes bytes = bytes_;
  base::append(bytes, inner.bytes_);
  if (bytes.empty()) return Multiaddr();
  return from_bytes(bytes);
}

std::optional<TcpEndpoint> Multiaddr::tcp_endpoint() const {
  const auto parts = components_of(bytes_);
  auto at = parts.begin();
  const auto is = [&](AddrProtocol protocol) { return at != parts.end() && at->info->protocol == protocol; };
  TcpEndpoint endpoint;
  if (is(AddrProtocol::kIp6Zone)) {
    endpoint.zone = base::as_text(at->value);
    ++at;
  }
  if (!is(AddrProtocol::kIp6) && (!is(AddrProtocol::kIp4) || !endpoint.zone.empty())) return std::nullopt;
  endpoint.address = ip_address(*at++, endpoint.zone);
  if (!is(AddrProtocol::kTcp)) return std::nullopt;
  endpoint.port = base::load_be16(at++->value.data());
  if (is(AddrProtocol::kP2p)) ++at;
  if (at != parts.end()) return std::nullopt;
  return endpoint;
}

std::strong_ordering operator<=>(const Multiaddr& a, const Multiaddr& b) {
  return std::lexicographical_compare_three_way(a.bytes_.begin(), a.bytes_.end(), b.bytes_.begin(), b.bytes_.end());
}

}  // namespace multiformats

std::size_t std::hash<multiformats::Multiaddr>::operator()(const multiformats::Multiaddr& address) const noexcept {
  return std::hash<std::string_view>()(base::as_text(address.to_bytes()));
}
