#include "libp2p/protocols/gossipsub/config.h"

#include "libp2p/protocols/gossipsub/error.h"
#include "libp2p/protocols/gossipsub/rpc.h"

namespace libp2p::gossipsub {

namespace {

/// What an RPC with one message has besides its data, at most.
constexpr std::size_t kMessageOverheadBytes = 4 * 1024;

bool is_valid(const MeshParams& p) {
  const base::Duration zero = base::Duration::zero();
  const bool degrees = p.d_low <= p.d && p.d <= p.d_high && p.d_score <= p.d && p.d_out <= p.d / 2 &&
                       (p.d_out < p.d_low || p.d == 0) && p.gossip_factor >= 0 && p.gossip_factor <= 1;
  const bool times = p.heartbeat_interval > zero && p.fanout_ttl > zero && p.seen_ttl > zero &&
                     p.prune_backoff >= std::chrono::seconds(1) && p.unsubscribe_backoff >= std::chrono::seconds(1) &&
                     p.graft_flood_threshold >= zero && p.backoff_max >= p.prune_backoff &&
                     p.opportunistic_graft_interval > zero && p.iwant_followup > zero;
  const bool windows = 0 < p.gossip_windows && p.gossip_windows <= p.history_windows;
  return degrees && times && windows && p.prune_peers <= kPrunePeersMax && p.gossip_retransmission <= 100;
}

bool is_valid(const Limits& l) {
  for (const std::size_t limit :
       {l.rpc_bytes_max, l.message_bytes_max, l.topics_per_peer_max, l.ihaves_max, l.ihave_ids_max, l.idontwant_ids_max,
        l.queued_bytes_max, l.seen_entries_max, l.cache_bytes_max, l.backoffs_max, l.validations_per_peer_max,
        l.validations_max, l.validation_bytes_max, l.verifications_burst, l.outsider_verifications_burst,
        l.read_bytes_burst, l.read_bytes_per_s, l.mesh_read_bytes_per_s}) {
    if (limit == 0) return false;
  }
  return l.write_timeout > base::Duration::zero() && l.verification_interval > base::Duration::zero() &&
         l.outsider_verification_interval > base::Duration::zero() &&
         l.message_bytes_max + kMessageOverheadBytes <= l.rpc_bytes_max;
}

}  // namespace

base::Result<> validate(const Config& config) {
  if (!is_valid(config.mesh)) return Errc::kBadMeshParams;
  if (!is_valid(config.limits) || !config.message_id) return Errc::kBadLimits;
  if (auto valid = validate(config.thresholds); !valid) return valid;
  return validate(config.score);
}

}  // namespace libp2p::gossipsub
