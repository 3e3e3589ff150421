// What a server answers. No I/O, no clock.
#pragma once

#include "libp2p/protocols/kad/config.h"
#include "libp2p/protocols/kad/provider_store.h"
#include "libp2p/protocols/kad/record_store.h"
#include "libp2p/protocols/kad/routing_table.h"

#include <map>
#include <optional>
#include <set>

namespace libp2p::kad {

/// Who asks.
struct Requester {
  multiformats::PeerId id;
  SeenAt seen = {};
};

/// What this node knows besides its routing table. Not thread-safe.
struct Known {
  PeerEntry self;
  /// Connected peers that are no servers, so that they can be found although they are in no routing table.
  std::map<multiformats::PeerId, PeerEntry> clients;
  ProviderStore providers;
  RecordStore records;
  /// Keys that this node provides itself.
  std::set<base::Bytes> provided;
};

/// The answer, or none where there is nothing to say (ADD_PROVIDER). An error where the request is such as nobody sends
/// by the rules: kBadKey, kValueTooLong, kNoValidator, kInvalidValue, Error::kMalformedMessage.
base::Result<std::optional<Message>> respond(const Config& config, const RoutingTable& table, Known& known,
                                             const Requester& from, const Message& request, base::TimePoint now);

/// Of a record to be stored under `key`: kBadKey, kValueTooLong, kNoValidator, kInvalidValue.
base::Result<> check_value(const Config& config, base::ConstBytes key, base::ConstBytes value);
/// Whether `value` is better than `other`, or the same.
bool is_as_good(const Config& config, base::ConstBytes key, const base::Bytes& value, const base::Bytes& other);

/// Keys of providers: go takes no longer ones.
inline constexpr std::size_t kProviderKeyBytesMax = 80;
inline bool is_provider_key(base::ConstBytes key) { return !key.empty() && key.size() <= kProviderKeyBytesMax; }

}  // namespace libp2p::kad
