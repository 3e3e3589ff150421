// Where others say that this node is: what a NAT makes of its addresses. A single peer may be mistaken or lie; several
// of different networks that say the same are believed. Pure.
#pragma once

#include "base/clock.h"
#include "libp2p/core/network_id.h"
#include "multiformats/peer_id.h"

#include <map>
#include <vector>

namespace libp2p {

/// Peers that must say the same, each of another network.
inline constexpr std::size_t kObserversMin = 3;
/// Networks so large are told apart: somebody who has one /16 has no other's say.
inline constexpr NetworkPrefix kObserverPrefix{.ip4_bits = 16, .ip6_bits = 32};
/// Observations that are kept; beyond that the oldest goes.
inline constexpr std::size_t kObservationsMax = 256;
/// For how long one holds. Peers say it anew whenever they connect.
inline constexpr base::Duration kObservationTime = std::chrono::hours(1);
/// Addresses that are told.
inline constexpr std::size_t kObservedAddressesMax = 8;

/// Not thread-safe. Time is passed in and does not go backwards.
class ObservedAddresses {
 public:
  explicit ObservedAddresses(std::size_t observers_min = kObserversMin) : observers_min_(observers_min) {}

  /// `observer`, connected at `at`, sees us at `address`. Its last word on one IP family counts. Nothing of what is
  /// not TCP over a public IP address, from whoever is not: a relayed peer sees the relay.
  void observe(const multiformats::PeerId& observer, const multiformats::Multiaddr& at,
               const multiformats::Multiaddr& address, base::TimePoint now);

  /// What enough observers say, most of them first.
  std::vector<multiformats::Multiaddr> confirmed(base::TimePoint now) const { return agreed(observers_min_, now); }
  /// What anybody says, most of them first: worth a try, not worth telling others.
  std::vector<multiformats::Multiaddr> candidates(base::TimePoint now) const { return agreed(1, now); }
  std::size_t size() const { return observations_.size(); }

 private:
  struct Key {
    multiformats::PeerId observer;
    bool is_ip6;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Observation {
    NetworkId network;
    multiformats::Multiaddr address;
    base::TimePoint time;
  };

  std::vector<multiformats::Multiaddr> agreed(std::size_t observers_min, base::TimePoint now) const;

  std::size_t observers_min_;
  std::map<Key, Observation> observations_;
};

}  // namespace libp2p
