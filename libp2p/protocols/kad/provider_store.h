// Who has said to provide which key (libp2p/specs kad-dht/README.md, "Content provider advertisement and discovery").
// Pure state, bounded.
#pragma once

#include "base/clock.h"
#include "libp2p/protocols/kad/message.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace libp2p::kad {

struct ProviderLimits {
  std::size_t providers_max = 128 * 1024;
  std::size_t per_key_max = 128;
  std::size_t keys_per_provider_max = 8 * 1024;
  base::Duration ttl = std::chrono::hours(48);
};

/// Not thread-safe.
class ProviderStore {
 public:
  explicit ProviderStore(ProviderLimits limits) : limits_(limits) {}

  /// `provider` is one of `key` from now on for the time to live; whether it has been stored. A key with no more room
  /// gives up a provider of that public network (IPv4 /16, IPv6 /32) that most of its providers are in, if the new one
  /// is in a network with fewer.
  bool add(const base::Bytes& key, const PeerEntry& provider, base::TimePoint now);
  /// Those that have not expired, up to `count`, the latest first.
  std::vector<PeerEntry> of(const base::Bytes& key, base::TimePoint now, std::size_t count) const;
  void expire(base::TimePoint now);

  std::size_t size() const { return size_; }
  std::size_t key_count() const { return keys_.size(); }

 private:
  struct Provider {
    PeerEntry peer;
    std::optional<std::string> network;
    base::TimePoint expires;
  };
  /// In order of when they were last added.
  using Providers = std::vector<Provider>;

  bool has_room(const Providers& providers, const Provider& added);
  bool give_up_one(Providers& providers, const Provider& added);
  void count_out(const Provider& provider);

  ProviderLimits limits_;
  std::map<base::Bytes, Providers> keys_;
  std::map<multiformats::PeerId, std::size_t> keys_of_;
  std::size_t size_ = 0;
};

}  // namespace libp2p::kad
