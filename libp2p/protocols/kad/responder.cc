#include "libp2p/protocols/kad/responder.h"

#include "libp2p/core/error.h"
#include "libp2p/protocols/kad/error.h"

#include <array>

namespace libp2p::kad {

using multiformats::PeerId;

namespace {

/// Answers one request.
class Responder {
 public:
  Responder(const Config& config, const RoutingTable& table, Known& known, const Requester& from, base::TimePoint now)
      : config_(config), table_(table), known_(known), from_(from), now_(now) {}

  base::Result<std::optional<Message>> respond(const Message& request) {
    switch (request.type) {
      case MessageType::kFindNode:
        return find_node(request);
      case MessageType::kGetProviders:
        return get_providers(request);
      case MessageType::kAddProvider:
        return add_provider(request);
      case MessageType::kGetValue:
        return get_value(request);
      case MessageType::kPutValue:
        return put_value(request);
      case MessageType::kPing:
        return Message{.type = MessageType::kPing};
    }
    return Error::kMalformedMessage;
  }

 private:
  using Answer = base::Result<std::optional<Message>>;

  Answer find_node(const Message& request) {
    if (request.key.empty()) return Errc::kBadKey;
    Message answer{.type = MessageType::kFindNode, .key = request.key};
    if (const auto peer = PeerId::from_bytes(request.key)) {
      const auto client = known_.clients.find(*peer);
      if (client != known_.clients.end() && *peer != from_.id) answer.closer.push_back(for_requester(client->second));
    }
    add_closest(request.key, answer);
    return answer;
  }

  Answer get_providers(const Message& request) {
    if (!is_provider_key(request.key)) return Errc::kBadKey;
    Message answer{.type = MessageType::kGetProviders, .key = request.key};
    if (known_.provided.contains(request.key)) answer.providers.push_back(for_requester(known_.self));
    for (const PeerEntry& each : known_.providers.of(request.key, now_, kMessagePeersMax)) {
      answer.providers.push_back(for_requester(each));
    }
    add_closest(request.key, answer);
    return answer;
  }

  Answer add_provider(const Message& request) {
    if (!is_provider_key(request.key)) return Errc::kBadKey;
    for (const PeerEntry& each : request.providers) {
      // Nobody announces others.
      if (each.id != from_.id) continue;
      PeerEntry provider{each.id, within(from_.seen.scope, each.addresses)};
      if (provider.addresses.empty()) provider.addresses = known_addresses(each.id);
      if (!provider.addresses.empty()) known_.providers.add(request.key, provider, now_);
      break;
    }
    return std::optional<Message>();
  }

  Answer get_value(const Message& request) {
    if (request.key.empty()) return Errc::kBadKey;
    Message answer{.type = MessageType::kGetValue, .key = request.key};
    if (const Record* record = known_.records.find(request.key, now_)) answer.record = *record;
    add_closest(request.key, answer);
    return answer;
  }

  Answer put_value(const Message& request) {
    if (!request.record || request.record->key != request.key) return Error::kMalformedMessage;
    if (auto ok = check_value(config_, request.key, request.record->value); !ok) return ok.error();
    const Record* stored = known_.records.find(request.key, now_);
    if (stored && !is_as_good(config_, request.key, request.record->value, stored->value)) return Errc::kInvalidValue;
    if (!known_.records.put(*request.record, now_)) return Error::kRefused;
    return Message{.type = MessageType::kPutValue, .key = request.key, .record = request.record};
  }

  PeerEntry for_requester(const PeerEntry& peer) const { return {peer.id, within(from_.seen.scope, peer.addresses)}; }
  std::vector<multiformats::Multiaddr> known_addresses(const PeerId& peer) const {
    if (const TablePeer* entry = table_.find(peer)) return entry->addresses;
    const auto client = known_.clients.find(peer);
    return client == known_.clients.end() ? std::vector<multiformats::Multiaddr>() : client->second.addresses;
  }
  void add_closest(const base::Bytes& key, Message& answer) const {
    // One more, for the requester is left out.
    const auto closest = table_.closest(key_of(key), config_.params.k + 1);
    std::size_t count = 0;
    for (const TablePeer* each : closest) {
      if (each->id == from_.id || count == config_.params.k) continue;
      answer.closer.push_back(for_requester({each->id, each->addresses}));
      ++count;
    }
  }

  const Config& config_;
  const RoutingTable& table_;
  Known& known_;
  const Requester& from_;
  base::TimePoint now_;
};

}  // namespace

base::Result<std::optional<Message>> respond(const Config& config, const RoutingTable& table, Known& known,
                                             const Requester& from, const Message& request, base::TimePoint now) {
  return Responder(config, table, known, from, now).respond(request);
}

base::Result<> check_value(const Config& config, base::ConstBytes key, base::ConstBytes value) {
  if (key.empty() || key.size() > kMessageKeyBytesMax) return Errc::kBadKey;
  if (value.size() > config.limits.value_bytes_max) return Errc::kValueTooLong;
  const Validator* validator = find_validator(config.validators, key);
  if (!validator) return Errc::kNoValidator;
  if (!validator->is_valid(key, value)) return Errc::kInvalidValue;
  return {};
}

bool is_as_good(const Config& config, base::ConstBytes key, const base::Bytes& value, const base::Bytes& other) {
  if (value == other) return true;
  const Validator* validator = find_validator(config.validators, key);
  const std::array<base::Bytes, 2> both{value, other};
  return !validator->best || validator->best(key, both) == 0;
}

}  // namespace libp2p::kad
