#include "multiformats/multiaddr_protocols.h"

#include "multiformats/errors.h"
#include "multiformats/multibase.h"
#include "multiformats/varint.h"

#include <algorithm>
#include <charconv>

namespace multiformats {

namespace {

using ip_address_v4 = boost::asio::ip::address_v4;
using ip_address_v6 = boost::asio::ip::address_v6;
using P = AddrProtocol;
using K = AddrValueKind;

// multiformats/multiaddr protocols.csv. Two names for one protocol: the first is the one that is written.
constexpr AddrProtocolInfo kProtocols[] = {
    {"ip4", P::kIp4, K::kIp4},
    {"tcp", P::kTcp, K::kPort},
    {"ip6", P::kIp6, K::kIp6},
    {"ip6zone", P::kIp6Zone, K::kName},
    {"dns", P::kDns, K::kName},
    {"dns4", P::kDns4, K::kName},
    {"dns6", P::kDns6, K::kName},
    {"dnsaddr", P::kDnsaddr, K::kName},
    {"udp", P::kUdp, K::kPort},
    {"webrtc-direct", P::kWebRtcDirect, K::kNone},
    {"webrtc", P::kWebRtc, K::kNone},
    {"p2p-circuit", P::kP2pCircuit, K::kNone},
    {"unix", P::kUnix, K::kPath},
    {"p2p", P::kP2p, K::kPeer},
    {"ipfs", P::kP2p, K::kPeer},
    {"https", P::kHttps, K::kNone},
    {"tls", P::kTls, K::kNone},
    {"sni", P::kSni, K::kName},
    {"noise", P::kNoise, K::kNone},
    {"quic", P::kQuic, K::kNone},
    {"quic-v1", P::kQuicV1, K::kNone},
    {"webtransport", P::kWebTransport, K::kNone},
    {"certhash", P::kCerthash, K::kCerthash},
    {"ws", P::kWs, K::kNone},
    {"wss", P::kWss, K::kNone},
    {"http", P::kHttp, K::kNone},
    {"plaintextv2", P::kPlaintextV2, K::kNone},
};

/// Longest name or path: a DNS name has at most 253 characters, sockaddr_un 107.
constexpr std::size_t kNameBytesMax = 255;
constexpr std::size_t kCerthashDigestBytesMax = 64;

// Names go into logs and onto terminals as they are: nothing but printable ASCII.
bool is_name(base::ConstBytes value) {
  return !value.empty() && value.size() <= kNameBytesMax &&
         std::ranges::all_of(value, [](std::uint8_t c) { return c > 0x20 && c < 0x7f && c != '/'; });
}

bool is_path(base::ConstBytes value) {
  return value.size() >= 2 && value.size() <= kNameBytesMax && value[0] == '/' &&
         std::ranges::all_of(value, [](std::uint8_t c) { return c >= 0x20 && c < 0x7f; });
}

// A certificate's digest may be of any hash: only its form is checked.
bool is_multihash(base::ConstBytes value) {
  const auto code = read_uvarint(value);
  if (!code) return false;
  value = value.subspan(code->size);
  const auto length = read_uvarint(value);
  return length && length->value > 0 && length->value <= kCerthashDigestBytesMax &&
         value.size() - length->size == length->value;
}

base::Result<base::Bytes> port_from_text(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return Errc::kBadAddressValue;
  base::Bytes value(2);
  base::store_be16(value.data(), port);
  return value;
}

template <class Address, class Parse>
base::Result<base::Bytes> ip_from_text(std::string_view text, Parse parse) {
  // A zone is a component of its own here, never part of the address, and the parser would stop at a zero.
  if (text.find_first_of(std::string_view("%\0", 2)) != std::string_view::npos) return Errc::kBadAddressValue;
  boost::system::error_code error;
  const Address address = parse(text, error);
  if (error) return Errc::kBadAddressValue;
  const auto bytes = address.to_bytes();
  return base::Bytes(bytes.begin(), bytes.end());
}

template <class Address>
Address ip_of(base::ConstBytes value) {
  typename Address::bytes_type bytes;
  std::ranges::copy(value, bytes.begin());
  return Address(bytes);
}

}  // namespace

std::optional<std::size_t> AddrProtocolInfo::fixed_size() const {
  switch (kind) {
    case K::kNone:
      return 0;
    case K::kIp4:
      return 4;
    case K::kIp6:
      return 16;
    case K::kPort:
      return 2;
    default:
      return std::nullopt;
  }
}

const AddrProtocolInfo* find_protocol(std::uint64_t code) {
  const auto* found = std::ranges::find_if(
      kProtocols, [&](const AddrProtocolInfo& info) { return static_cast<std::uint64_t>(info.protocol) == code; });
  return found == std::end(kProtocols) ? nullptr : found;
}

const AddrProtocolInfo* find_protocol(std::string_view name) {
  const auto* found = std::ranges::find(kProtocols, name, &AddrProtocolInfo::name);
  return found == std::end(kProtocols) ? nullptr : found;
}

base::Result<> check_value(AddrValueKind kind, base::ConstBytes value) {
  bool good = true;
  switch (kind) {
    case K::kNone:
    case K::kIp4:
    case K::kIp6:
    case K::kPort:
      break;  // any bytes of the right number
    case K::kName:
      good = is_name(value);
      break;
    case K::kPath:
      good = is_path(value);
      break;
    case K::kPeer:
      good = PeerId::from_bytes(value).has_value();
      break;
    case K::kCerthash:
      good = is_multihash(value);
      break;
  }
  if (!good) return Errc::kBadAddressValue;
  return {};
}

base::Result<base::Bytes> value_from_text(AddrValueKind kind, std::string_view text) {
  base::Bytes value;
  switch (kind) {
    case K::kNone:
      return value;
    case K::kIp4:
      return ip_from_text<ip_address_v4>(
          text, [](std::string_view t, auto& error) { return boost::asio::ip::make_address_v4(t, error); });
    case K::kIp6:
      return ip_from_text<ip_address_v6>(
          text, [](std::string_view t, auto& error) { return boost::asio::ip::make_address_v6(t, error); });
    case K::kPort:
      return port_from_text(text);
    case K::kName:
    case K::kPath:
      value = base::to_bytes(base::as_bytes(text));
      break;
    case K::kPeer:
      if (const auto peer = PeerId::from_text(text)) value = base::to_bytes(peer->as_bytes());
      break;
    case K::kCerthash:
      if (auto bytes = decode_multibase(text)) value = std::move(*bytes);
      break;
  }
  // An empty value, as it is after a failure, is bad for all of these.
  if (auto checked = check_value(kind, value); !checked) return checked.error();
  return value;
}

std::string value_to_text(AddrValueKind kind, base::ConstBytes value) {
  switch (kind) {
    case K::kNone:
      return {};
    case K::kIp4:
      return ip_of<ip_address_v4>(value).to_string();
    case K::kIp6:
      return ip_of<ip_address_v6>(value).to_string();
    case K::kPort:
      return std::to_string(base::load_be16(value.data()));
    case K::kName:
    case K::kPath:
      return std::string(base::as_text(value));
    case K::kPeer:
      return PeerId::from_bytes(value)->to_text();
    case K::kCerthash:
      return encode_multibase(Base::kBase64Url, value);
  }
  return {};
}

}  // namespace multiformats
