// What a relay decides: who has a reservation, and which circuits may be. No I/O.
#pragma once

#include "libp2p/core/network_id.h"
#include "libp2p/protocols/relay/relay_message.h"
#include "libp2p/protocols/relay/server_limits.h"

#include <map>
#include <memory>
#include <optional>

namespace libp2p::relay {

/// Not thread-safe. Bounded by its limits; time is passed in and does not go backwards.
class ServerTable {
 public:
  /// Where an address is of no network (a name, memory), it counts as one network with all others of that kind.
  using Network = std::optional<NetworkId>;

  explicit ServerTable(const ServerLimits& limits) : limits_(limits) {}

  /// Grants or renews a reservation of `peer`, connected from `network`: kOk or kReservationRefused.
  Status reserve(const multiformats::PeerId& peer, const Network& network, base::TimePoint now);
  bool has_reservation(const multiformats::PeerId& peer, base::TimePoint now) const;
  /// The peer's last connection has ended. Nothing if it has no reservation.
  void remove_reservation(const multiformats::PeerId& peer);
  std::size_t reservations(base::TimePoint now);

  /// Counts one circuit while it lives. May outlive the table.
  class Permit {
   public:
    Permit(Permit&& other) noexcept = default;
    Permit& operator=(Permit&&) = delete;
    ~Permit();

   private:
    friend class ServerTable;
    struct Counts;
    Permit(std::shared_ptr<Counts> counts, const multiformats::PeerId& from, const multiformats::PeerId& to,
           const Network& network)
        : counts_(std::move(counts)), from_(from), to_(to), network_(network) {}

    std::shared_ptr<Counts> counts_;  // null once moved from
    multiformats::PeerId from_, to_;
    Network network_;
  };

  /// Whether `from`, connected from `network`, may reach `to`: kNoReservation, kResourceLimitExceeded or kOk. Where it
  /// may, `permit` is set.
  Status open_circuit(const multiformats::PeerId& from, const Network& network, const multiformats::PeerId& to,
                      base::TimePoint now, std::optional<Permit>& permit);
  std::size_t circuits() const;

 private:
  struct Entry {
    Network network;
    base::TimePoint expires;
  };

  void drop_expired(base::TimePoint now);
  std::size_t reservations_of(const Network& network) const;

  ServerLimits limits_;
  std::map<multiformats::PeerId, Entry> reservations_;
  std::shared_ptr<Permit::Counts> counts_ = make_counts();

  static std::shared_ptr<Permit::Counts> make_counts();
};

}  // namespace libp2p::relay
