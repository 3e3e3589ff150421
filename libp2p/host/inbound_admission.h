// Who may connect: counts inbound connections, so that what is over a limit is refused before it costs anything.
#pragma once

#include "base/token_bucket.h"
#include "multiformats/multiaddr.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace libp2p {

struct InboundLimits {
  /// Connections that are still in their handshake.
  std::size_t pending_max = 128;
  /// The same from one network: an IPv4 address, or the /64 of an IPv6 address, all of which one machine may have.
  std::size_t pending_per_network_max = 32;
  /// Connections from one network, in their handshake or after it.
  std::size_t per_network_max = 256;
  /// Handshakes that one network may begin a second, per_network_max of them saved up; without a bound if not set. One
  /// that comes to nothing counts for several. So whoever is refused after its handshake, and comes again and again,
  /// costs a bounded part of a core.
  std::optional<std::size_t> per_network_per_second = std::nullopt;
  std::size_t failed_cost = 4;
  /// Networks of which it is kept how many they have begun; beyond that all begin anew.
  std::size_t paced_networks_max = 4096;
};

/// Not thread-safe. Permits may outlive it.
class InboundAdmission {
 public:
  explicit InboundAdmission(const InboundLimits& limits) : state_(std::make_shared<State>(State{limits, 0, {}, {}})) {}

 private:
  /// Whether it is IPv6, and the bits that are counted by. What is not TCP over IP is one network.
  using Network = std::pair<bool, std::uint64_t>;
  struct Count {
    std::size_t pending = 0;
    std::size_t all = 0;
  };
  struct State {
    InboundLimits limits;
    std::size_t pending;
    std::map<Network, Count> networks;
    std::map<Network, base::TokenBucket> paces;
  };

 public:
  /// One connection's place, given back when destroyed. Its handshake is under way until end_handshake().
  class Permit {
   public:
    Permit(Permit&& other) noexcept = default;
    Permit& operator=(Permit&&) = delete;
    ~Permit();
    void end_handshake();

   private:
    friend class InboundAdmission;
    Permit(std::shared_ptr<State> state, Network network) : state_(std::move(state)), network_(network) {}

    std::shared_ptr<State> state_;  // null once moved from
    Network network_;
    bool pending_ = true;
  };

  /// Nothing if a limit is reached.
  std::optional<Permit> admit(const multiformats::Multiaddr& from, base::TimePoint now);
  /// A handshake with one that was admitted has come to nothing.
  void note_failed(const multiformats::Multiaddr& from, base::TimePoint now);
  /// Connections in their handshake.
  std::size_t pending() const { return state_->pending; }

 private:
  static Network network_of(const multiformats::Multiaddr& from);
  /// What the network may still begin; null where that has no bound.
  base::TokenBucket* pace_of(const Network& network, base::TimePoint now);

  std::shared_ptr<State> state_;
};

}  // namespace libp2p
