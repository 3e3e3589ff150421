#include "libp2p/peer_store/peer_store_text.h"

#include "base/text_lines.h"
#include "libp2p/records/peer_record.h"
#include "multiformats/multibase.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace libp2p {

namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

constexpr std::string_view kHeader = "kv-cache-p2p peers 1";
constexpr std::string_view kNever = "-";
constexpr std::array<std::string_view, 4> kSourceNames{"heard", "identified", "signed", "dialled"};
/// Later than any clock will be: keeps arithmetic on times from overflowing.
constexpr std::int64_t kTimeMax = std::int64_t{1} << 40;

bool is_one_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != '#'; });
}

bool can_be_kept(std::string_view protocol) {
  return protocol.size() <= kKeptProtocolBytesMax && is_one_word(protocol);
}

std::string_view take_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kTimeMax) return std::nullopt;
  return value;
}

/// Reads one line after the other into the peer that it belongs to. What it returns is empty, or what is wrong.
class Reader {
 public:
  explicit Reader(const PeerStoreLimits& limits) : store_(limits) {}

  std::string read(std::string_view line) {
    if (ended_) return "there is something behind the end";
    const std::string_view word = take_word(line);
    if (word == "peer") return read_peer(line);
    if (word == "end") return read_end(line);
    if (!peer_) return "a line that belongs to no peer";
    if (word == "address") return read_address(line);
    if (word == "protocol") return read_protocol(line);
    if (word == "record") return read_record(line);
    return "not a line of a peer file";
  }
  bool ended() const { return ended_; }
  PeerStore take() { return std::move(store_); }

 private:
  std::string read_peer(std::string_view rest) {
    keep();
    const auto id = PeerId::from_text(take_word(rest));
    if (!id) return "not a peer id";
    peer_ = *id;
    known_ = KnownPeer();
    ++peers_;
    if (rest == kNever) return {};
    const auto seen = number_in(rest);
    if (!seen) return "not a time";
    known_.last_seen = UnixTime(std::chrono::seconds(*seen));
    return {};
  }
  std::string read_address(std::string_view rest) {
    const auto address = Multiaddr::from_text(take_word(rest));
    if (!address || address->empty() || address->peer_id()) return "not an address without a peer id";
    const auto source = std::ranges::find(kSourceNames, take_word(rest));
    if (source == kSourceNames.end()) return "not a source of addresses";
    const auto expires = number_in(rest);
    if (!expires) return "not a time";
    if (known_.addresses.size() == store_.limits().addresses_per_peer_max) return "more addresses than a peer may have";
    known_.addresses.push_back({*address, static_cast<AddressSource>(source - kSourceNames.begin()),
                                UnixTime(std::chrono::seconds(*expires))});
    return {};
  }
  std::string read_protocol(std::string_view rest) {
    if (!can_be_kept(rest)) return "not a protocol id";
    if (known_.protocols.size() == store_.limits().protocols_per_peer_max) return "more protocols than a peer may have";
    known_.protocols.emplace_back(rest);
    return {};
  }
  std::string read_record(std::string_view rest) {
    const auto envelope = multiformats::decode_base(multiformats::Base::kBase64Url, rest);
    if (!envelope) return "not base64url";
    const auto record = open_peer_record(*envelope);
    if (!record || record->peer != *peer_) return "not a record that the peer has signed";
    known_.signed_record = *envelope;
    known_.record_seq = record->seq;
    return {};
  }
  std::string read_end(std::string_view rest) {
    keep();
    const auto count = number_in(rest);
    if (!count || static_cast<std::size_t>(*count) != peers_) return "another number of peers than there are";
    ended_ = true;
    return {};
  }
  /// The first ones win: they were worth most when they were written.
  void keep() {
    if (peer_ && (store_.size() < store_.limits().peers_max || store_.find(*peer_) != nullptr)) {
      store_.restore(*peer_, std::move(known_));
    }
    peer_.reset();
  }

  PeerStore store_;
  std::optional<PeerId> peer_;
  KnownPeer known_;
  std::size_t peers_ = 0;
  bool ended_ = false;
};

void append(std::string& text, const PeerId& id, const KnownPeer& known) {
  const auto time = [](UnixTime when) { return std::to_string(when.time_since_epoch().count()); };
  text += "peer " + id.to_text() + " " + (known.last_seen ? time(*known.last_seen) : std::string(kNever)) + "\n";
  for (const KnownAddress& each : known.addresses) {
    if (!is_one_word(each.address.to_text())) continue;  // a path of a Unix socket may be anything
    text += "address " + each.address.to_text() + " ";
    text += kSourceNames[static_cast<std::size_t>(each.source)];
    text += " " + time(each.expires) + "\n";
  }
  for (const std::string& protocol : known.protocols) {
    if (can_be_kept(protocol)) text += "protocol " + protocol + "\n";
  }
  if (known.signed_record.empty()) return;
  text += "record " + multiformats::encode_base(multiformats::Base::kBase64Url, known.signed_record) + "\n";
}

}  // namespace

std::string to_text(const PeerStore& store) {
  std::vector<const std::pair<const PeerId, KnownPeer>*> sorted;
  for (const auto& each : store.peers()) sorted.push_back(&each);
  std::ranges::stable_sort(sorted, [](auto* a, auto* b) { return a->second.last_seen > b->second.last_seen; });
  std::string text = std::string(kHeader) + "\n";
  for (const auto* each : sorted) append(text, each->first, each->second);
  return text + "end " + std::to_string(sorted.size()) + "\n";
}

base::TextResult<PeerStore> peer_store_from_text(std::string_view text, const PeerStoreLimits& limits) {
  if (text.size() > kPeerStoreFileBytesMax) return base::TextError{0, "longer than such a file may be"};
  base::TextLines lines(text);
  if (!lines.next() || lines.content() != kHeader) return base::TextError{1, "not a file of peers, version 1"};
  Reader reader(limits);
  while (lines.next()) {
    if (std::string mistake = reader.read(lines.content()); !mistake.empty()) {
      return base::TextError{lines.number(), std::move(mistake)};
    }
  }
  if (!reader.ended()) return base::TextError{lines.number(), "cut off: there is no end"};
  return reader.take();
}

}  // namespace libp2p
