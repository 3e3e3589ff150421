#include "libp2p/host/inbound_admission.h"

#include <cassert>

namespace libp2p {

InboundAdmission::Network InboundAdmission::network_of(const multiformats::Multiaddr& from) {
  const auto endpoint = from.tcp_endpoint();
  if (!endpoint) return {};
  if (endpoint->address.is_v4()) return {false, endpoint->address.to_v4().to_uint()};
  std::uint64_t bits = 0;
  const auto bytes = endpoint->address.to_v6().to_bytes();
  for (std::size_t i = 0; i < 8; ++i) bits = bits << 8 | bytes[i];
  return {true, bits};
}

base::TokenBucket* InboundAdmission::pace_of(const Network& network, base::TimePoint now) {
  const InboundLimits& limits = state_->limits;
  if (!limits.per_network_per_second) return nullptr;
  auto& paces = state_->paces;
  if (paces.size() >= limits.paced_networks_max && !paces.contains(network)) paces.clear();
  const base::TokenBucket full(*limits.per_network_per_second, limits.per_network_max, now);
  return &paces.try_emplace(network, full).first->second;
}

void InboundAdmission::note_failed(const multiformats::Multiaddr& from, base::TimePoint now) {
  base::TokenBucket* const pace = pace_of(network_of(from), now);
  // Its beginning was counted already.
  if (pace != nullptr) (void)pace->reserve(state_->limits.failed_cost - 1, now, base::Duration::max());
}

std::optional<InboundAdmission::Permit> InboundAdmission::admit(const multiformats::Multiaddr& from,
                                                                base::TimePoint now) {
  State& state = *state_;
  if (state.pending >= state.limits.pending_max) return std::nullopt;
  const Network network = network_of(from);
  const auto found = state.networks.find(network);
  const Count count = found == state.networks.end() ? Count() : found->second;
  if (count.pending >= state.limits.pending_per_network_max) return std::nullopt;
  if (count.all >= state.limits.per_network_max) return std::nullopt;
  base::TokenBucket* const pace = pace_of(network, now);
  if (pace != nullptr && !pace->take(1, now)) return std::nullopt;
  ++state.pending;
  state.networks[network] = {count.pending + 1, count.all + 1};
  return Permit(state_, network);
}

void InboundAdmission::Permit::end_handshake() {
  if (!std::exchange(pending_, false)) return;
  --state_->pending;
  --state_->networks[network_].pending;
}

InboundAdmission::Permit::~Permit() {
  if (state_ == nullptr) return;
  end_handshake();
  const auto found = state_->networks.find(network_);
  assert(found != state_->networks.end());
  if (--found->second.all == 0) state_->networks.erase(found);
}

}  // namespace libp2p
