#include "libp2p/protocols/kad/config.h"

#include "libp2p/protocols/kad/error.h"

namespace libp2p::kad {

namespace {

constexpr std::size_t kBucketPeersMax = 64;
constexpr std::size_t kValueBytesMax = 12 * 1024;

bool is_valid(const Params& p) {
  for (const std::size_t count : {p.k, p.alpha, p.disjoint_paths, p.refresh_paths, p.value_quorum}) {
    if (count == 0) return false;
  }
  for (const base::Duration time : {p.request_timeout, p.query_timeout, p.refresh_interval, p.bootstrap_interval,
                                    p.provider_ttl, p.record_ttl, p.republish_interval}) {
    if (time <= base::Duration::zero()) return false;
  }
  return p.k <= kBucketPeersMax && p.disjoint_paths <= p.alpha && p.refresh_paths <= p.alpha &&
         p.republish_interval < p.provider_ttl && p.republish_interval < p.record_ttl;
}

bool is_valid(const Limits& l) {
  for (const std::size_t limit : {l.network_bucket_peers_max,
                                  l.network_table_peers_max,
                                  l.query_requests_max,
                                  l.query_peers_max,
                                  l.queries_max,
                                  l.providers_max,
                                  l.providers_per_key_max,
                                  l.keys_per_provider_max,
                                  l.records_max,
                                  l.record_bytes_max,
                                  l.value_bytes_max,
                                  l.provided_max,
                                  l.kept_values_max,
                                  l.connected_clients_max,
                                  l.request_bytes_max,
                                  l.response_bytes_max,
                                  l.inbound_streams_per_peer_max,
                                  l.inbound_streams_max,
                                  l.requests_burst,
                                  l.outbound_requests_max}) {
    if (limit == 0) return false;
  }
  return l.value_bytes_max <= kValueBytesMax && l.inbound_idle_timeout > base::Duration::zero() &&
         l.request_interval > base::Duration::zero();
}

}  // namespace

base::Result<> validate(const Config& config) {
  const bool has_protocol = config.protocol.size() > 1 && config.protocol.front() == '/';
  bool has_validators = true;
  for (const auto& [name, validator] : config.validators) has_validators = has_validators && validator.is_valid;
  if (!has_protocol || !has_validators || !is_valid(config.params) || !is_valid(config.limits)) return Errc::kBadConfig;
  return {};
}

}  // namespace libp2p::kad
