#include "libp2p/protocols/relay/server_table.h"

#include "libp2p/protocols/relay/error.h"

#include <algorithm>

namespace libp2p::relay {

using multiformats::PeerId;

base::Result<> validate(const ServerLimits& limits) {
  const bool none = limits.reservations_max == 0 || limits.reservations_per_network_max == 0 ||
                    limits.circuits_max == 0 || limits.circuits_per_peer_max == 0 ||
                    limits.circuits_per_network_max == 0 || limits.request_burst == 0;
  if (none || limits.reservation_time < std::chrono::seconds(1)) return Errc::kBadLimits;
  if (limits.circuit_time.count() < 0 || limits.circuit_time.count() > UINT32_MAX) return Errc::kBadLimits;
  return {};
}

struct ServerTable::Permit::Counts {
  std::size_t all = 0;
  std::map<PeerId, std::size_t> peers;
  std::map<Network, std::size_t> networks;

  template <class Key>
  static std::size_t of(const std::map<Key, std::size_t>& counts, const Key& key) {
    const auto found = counts.find(key);
    return found == counts.end() ? 0 : found->second;
  }
  template <class Key>
  static void drop(std::map<Key, std::size_t>& counts, const Key& key) {
    const auto found = counts.find(key);
    if (found != counts.end() && --found->second == 0) counts.erase(found);
  }
};

std::shared_ptr<ServerTable::Permit::Counts> ServerTable::make_counts() { return std::make_shared<Permit::Counts>(); }

ServerTable::Permit::~Permit() {
  if (counts_ == nullptr) return;
  --counts_->all;
  Counts::drop(counts_->peers, from_);
  Counts::drop(counts_->peers, to_);
  Counts::drop(counts_->networks, network_);
}

Status ServerTable::reserve(const PeerId& peer, const Network& network, base::TimePoint now) {
  const Entry granted{network, now + limits_.reservation_time};
  drop_expired(now);
  const auto found = reservations_.find(peer);
  const bool is_renewal = found != reservations_.end();
  if (!is_renewal && reservations_.size() >= limits_.reservations_max) return Status::kReservationRefused;
  const bool counts_already = is_renewal && found->second.network == network;
  if (!counts_already && reservations_of(network) >= limits_.reservations_per_network_max) {
    return Status::kReservationRefused;
  }
  reservations_.insert_or_assign(peer, granted);
  return Status::kOk;
}

bool ServerTable::has_reservation(const PeerId& peer, base::TimePoint now) const {
  const auto found = reservations_.find(peer);
  return found != reservations_.end() && now < found->second.expires;
}

void ServerTable::remove_reservation(const PeerId& peer) { reservations_.erase(peer); }

std::size_t ServerTable::reservations(base::TimePoint now) {
  drop_expired(now);
  return reservations_.size();
}

Status ServerTable::open_circuit(const PeerId& from, const Network& network, const PeerId& to, base::TimePoint now,
                                 std::optional<Permit>& permit) {
  if (!has_reservation(to, now)) return Status::kNoReservation;
  using Counts = Permit::Counts;
  if (counts_->all >= limits_.circuits_max ||
      Counts::of(counts_->networks, network) >= limits_.circuits_per_network_max ||
      Counts::of(counts_->peers, from) >= limits_.circuits_per_peer_max ||
      Counts::of(counts_->peers, to) >= limits_.circuits_per_peer_max) {
    return Status::kResourceLimitExceeded;
  }
  ++counts_->all;
  ++counts_->peers[from];
  ++counts_->peers[to];
  ++counts_->networks[network];
  permit.emplace(Permit(counts_, from, to, network));
  return Status::kOk;
}

std::size_t ServerTable::circuits() const { return counts_->all; }

void ServerTable::drop_expired(base::TimePoint now) {
  std::erase_if(reservations_, [now](const auto& each) { return each.second.expires <= now; });
}

std::size_t ServerTable::reservations_of(const Network& network) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(reservations_, [&](const auto& each) { return each.second.network == network; }));
}

}  // namespace libp2p::relay
