#include "libp2p/protocols/kad/behaviour.h"

#include "libp2p/protocols/kad/error.h"

#include <algorithm>

namespace libp2p::kad {

using multiformats::PeerId;

namespace {

/// Expired entries count no more at once, but take up room until then.
constexpr base::Duration kExpiryInterval = std::chrono::minutes(10);

TableLimits table_limits(const Config& config) {
  return {config.params.k, config.limits.network_bucket_peers_max, config.limits.network_table_peers_max};
}

Known known_of(const PeerId& self, const Config& config) {
  const Limits& limits = config.limits;
  return {.self = {self, {}},
          .clients = {},
          .providers = ProviderStore({limits.providers_max, limits.providers_per_key_max, limits.keys_per_provider_max,
                                      config.params.provider_ttl}),
          .records = RecordStore({limits.records_max, limits.record_bytes_max, config.params.record_ttl}),
          .provided = {}};
}

LookupSettings lookup_settings(const Config& config, bool is_maintenance) {
  const Params& params = config.params;
  return {.k = params.k,
          .alpha = params.alpha,
          .paths = is_maintenance ? params.refresh_paths : params.disjoint_paths,
          .requests_max = config.limits.query_requests_max,
          .peers_max = config.limits.query_peers_max,
          .slow_after = params.request_timeout / 4};
}

}  // namespace

Behaviour::Behaviour(const PeerId& self, Config config, base::TimePoint now)
    : config_(std::move(config)),
      table_(self, table_limits(config_)),
      known_(known_of(self, config_)),
      random_(config_.seed),
      maintenance_(config_.params, self, random_(), now),
      next_expiry_(now + kExpiryInterval) {}

void Behaviour::set_addresses(std::vector<multiformats::Multiaddr> addresses) {
  const auto is_loopback = [](const auto& each) { return scope_of(each) == Scope::kLoopback; };
  // Of no use to others, unless there is nothing else: then we are tried out on one machine.
  if (!std::all_of(addresses.begin(), addresses.end(), is_loopback)) std::erase_if(addresses, is_loopback);
  if (addresses.size() > kPeerAddressesMax) addresses.resize(kPeerAddressesMax);
  known_.self.addresses = std::move(addresses);
}

// Peers.

void Behaviour::add_bootstrap(PeerEntry peer, base::TimePoint now) {
  std::erase_if(bootstrap_, [&peer](const PeerEntry& each) { return each.id == peer.id; });
  if (peer.id == known_.self.id || peer.id.empty()) return;
  if (bootstrap_.size() >= kBootstrapMax) bootstrap_.pop_front();
  bootstrap_.push_back(std::move(peer));
  maintenance_.hasten(now);
}

void Behaviour::identified(const PeerEntry& peer, const SeenAt& seen, bool is_server, base::TimePoint now) {
  const PeerEntry entry{peer.id, within(seen.scope, peer.addresses)};
  known_.clients.erase(peer.id);
  if (!is_server) {
    table_.remove(peer.id);
    if (!entry.addresses.empty() && known_.clients.size() < config_.limits.connected_clients_max) {
      known_.clients.emplace(peer.id, entry);
    }
    return;
  }
  if (entry.addresses.empty()) return;
  const auto outcome = table_.add(entry, seen, now);
  if (outcome == RoutingTable::Outcome::kAdded && are_few_known()) maintenance_.hasten(now);
}

void Behaviour::disconnected(const PeerId& peer) { known_.clients.erase(peer); }

base::Result<std::optional<Message>> Behaviour::receive(const Requester& from, const Message& request,
                                                        base::TimePoint now) {
  ++stats_.requests_received;
  auto answer = respond(config_, table_, known_, from, request, now);
  if (!answer) ++stats_.requests_refused;
  return answer;
}

// Requests.

std::vector<Request> Behaviour::take_requests() {
  std::vector<Request> requests;
  while (!waiting_.empty() && under_way_.size() < config_.limits.outbound_requests_max) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    // Of a query that has ended meanwhile; what it tells at its end is told though.
    const bool is_asking =
        next.ask.message.type != MessageType::kAddProvider && next.ask.message.type != MessageType::kPutValue;
    if (is_asking && next.query && !queries_.contains(*next.query)) continue;
    const RequestId id = next_request_++;
    under_way_.emplace(
        id, UnderWay{next.ask.to.id, next.ask.to.addresses, next.query, next.is_probe, next.ask.wants_answer});
    ++stats_.requests_sent;
    requests.push_back({id, std::move(next.ask.to), std::move(next.ask.message), next.ask.wants_answer});
  }
  return requests;
}

void Behaviour::send(Ask ask, std::optional<QueryId> query, bool is_probe) {
  waiting_.push_back({std::move(ask), query, is_probe});
}

std::optional<Behaviour::UnderWay> Behaviour::end_request(RequestId request) {
  const auto found = under_way_.find(request);
  if (found == under_way_.end()) return std::nullopt;
  UnderWay result = std::move(found->second);
  under_way_.erase(found);
  if (result.is_probe) --probes_;
  return result;
}

void Behaviour::answered(RequestId request, const SeenAt& seen, const Message& answer, base::TimePoint now) {
  const auto ended = end_request(request);
  if (!ended) return;
  // Who answers is a server.
  if (table_.find(ended->peer)) {
    table_.heard(ended->peer, now);
  } else if (!ended->addresses.empty()) {
    const PeerEntry peer{ended->peer, ended->addresses};
    const auto outcome = table_.add(peer, seen, now);
    if (outcome == RoutingTable::Outcome::kAdded && ended->is_probe) maintenance_.hasten(now);
  }
  if (ended->query) {
    const auto found = queries_.find(*ended->query);
    if (found != queries_.end()) {
      Message usable = answer;
      make_usable(usable.closer, seen);
      make_usable(usable.providers, seen);
      found->second.query.answered(ended->peer, usable);
      advance(*ended->query, now);
    }
  }
  run_maintenance(now);
}

void Behaviour::answered_nothing(RequestId request, base::TimePoint now) {
  const auto ended = end_request(request);
  if (!ended) return;
  if (const auto found = ended->query ? queries_.find(*ended->query) : queries_.end(); found != queries_.end()) {
    found->second.query.answered(ended->peer, Message());
    advance(*ended->query, now);
  }
  run_maintenance(now);
}

void Behaviour::failed(RequestId request, Failure failure, base::TimePoint now) {
  const auto ended = end_request(request);
  if (!ended) return;
  ++stats_.requests_failed;
  const bool was_known = table_.find(ended->peer) != nullptr;
  if (failure == Failure::kSilent) table_.failed(ended->peer);
  if (failure == Failure::kNotServer) table_.remove(ended->peer);
  if (was_known && !table_.find(ended->peer) && are_few_known()) maintenance_.hasten(now);
  if (const auto found = ended->query ? queries_.find(*ended->query) : queries_.end(); found != queries_.end()) {
    found->second.query.failed(ended->peer, failure == Failure::kNotServer);
    advance(*ended->query, now);
  }
  run_maintenance(now);
}

void Behaviour::make_usable(std::vector<PeerEntry>& peers, const SeenAt& from) const {
  for (PeerEntry& each : peers) {
    each.addresses = within(from.scope, each.addresses);
    if (!each.addresses.empty()) continue;
    if (const TablePeer* known = table_.find(each.id)) each.addresses = known->addresses;
    const auto client = known_.clients.find(each.id);
    if (client != known_.clients.end()) each.addresses = client->second.addresses;
  }
}

// Queries.

std::vector<PeerEntry> Behaviour::seeds(const Key& target) const {
  std::vector<PeerEntry> result;
  for (const TablePeer* each : table_.closest(target, config_.params.k)) result.push_back({each->id, each->addresses});
  if (result.size() < config_.params.k) {
    for (const PeerEntry& each : bootstrap_) {
      if (!table_.find(each.id)) result.push_back(each);
    }
  }
  return result;
}

base::Result<QueryId> Behaviour::start(QueryGoal goal, base::TimePoint now) {
  if (user_queries_ >= config_.limits.queries_max) return Errc::kTooManyQueries;
  const auto id = start_query(std::move(goal), false, now);
  if (!id) return Errc::kNoPeers;
  return *id;
}

std::optional<QueryId> Behaviour::start_query(QueryGoal goal, bool is_maintenance, base::TimePoint now) {
  const base::Bytes key = goal.key;
  const QueryKind kind = goal.kind;
  const auto from = seeds(key_of(key));
  const Record* stored = kind == QueryKind::kGetValue ? known_.records.find(key, now) : nullptr;
  const auto stored_providers =
      kind == QueryKind::kFindProviders ? known_.providers.of(key, now, goal.count) : std::vector<PeerEntry>();
  if (from.empty() && !stored && stored_providers.empty()) return std::nullopt;
  const QueryId id = next_query_++;
  Query query(std::move(goal), known_.self, lookup_settings(config_, is_maintenance), from);
  if (stored) query.have_value(stored->value);
  for (const PeerEntry& each : stored_providers) query.have_provider(each);
  queries_.emplace(id, Running{std::move(query), now + config_.params.query_timeout, is_maintenance});
  if (!is_maintenance) ++user_queries_;
  ++(is_maintenance ? stats_.maintenance_queries : stats_.queries);
  advance(id, now);
  return id;
}

void Behaviour::advance(QueryId id, base::TimePoint now) {
  const auto found = queries_.find(id);
  if (found == queries_.end()) return;
  Running& running = found->second;
  for (Ask& ask : running.query.next(now)) send(std::move(ask), id, false);
  const bool is_late = now >= running.deadline;
  if (is_late || running.query.is_done(now)) finish(id, is_late && !running.query.is_done(now));
}

void Behaviour::finish(QueryId id, bool timed_out) {
  const auto found = queries_.find(id);
  for (Ask& ask : found->second.query.repairs()) send(std::move(ask), std::nullopt, false);
  if (!found->second.is_maintenance) {
    QueryResult result = found->second.query.result();
    result.id = id;
    result.timed_out = timed_out;
    finished_.push_back(std::move(result));
    --user_queries_;
  }
  queries_.erase(found);
}

void Behaviour::cancel(QueryId query) {
  const auto found = queries_.find(query);
  if (found != queries_.end()) {
    if (!found->second.is_maintenance) --user_queries_;
    queries_.erase(found);
  }
  std::erase_if(finished_, [query](const QueryResult& each) { return each.id == query; });
}

base::Result<QueryId> Behaviour::find_closest(base::Bytes key, base::TimePoint now) {
  if (key.empty() || key.size() > kMessageKeyBytesMax) return Errc::kBadKey;
  return start({.kind = QueryKind::kClosestPeers, .key = std::move(key)}, now);
}

base::Result<QueryId> Behaviour::find_peer(const PeerId& peer, base::TimePoint now) {
  if (peer.empty()) return Errc::kBadKey;
  return start({.kind = QueryKind::kFindPeer, .key = base::to_bytes(peer.as_bytes()), .peer = peer}, now);
}

base::Result<QueryId> Behaviour::find_providers(base::Bytes key, std::size_t count, base::TimePoint now) {
  if (!is_provider_key(key) || count == 0) return Errc::kBadKey;
  count = std::min(count, kMessagePeersMax);
  return start({.kind = QueryKind::kFindProviders, .key = std::move(key), .count = count}, now);
}

base::Result<QueryId> Behaviour::provide(base::Bytes key, base::TimePoint now) {
  if (!is_provider_key(key)) return Errc::kBadKey;
  if (!known_.provided.contains(key) && known_.provided.size() >= config_.limits.provided_max) {
    return Errc::kTooManyKept;
  }
  known_.provided.insert(key);
  maintenance_.keep(MaintenanceTask::Kind::kProvide, key, now, are_few_known());
  return start({.kind = QueryKind::kProvide, .key = key}, now);
}

void Behaviour::stop_providing(const base::Bytes& key) {
  known_.provided.erase(key);
  maintenance_.forget(MaintenanceTask::Kind::kProvide, key);
}

base::Result<QueryId> Behaviour::get_value(base::Bytes key, base::TimePoint now) {
  if (key.empty() || key.size() > kMessageKeyBytesMax) return Errc::kBadKey;
  const Validator* validator = find_validator(config_.validators, key);
  if (!validator) return Errc::kNoValidator;
  return start({.kind = QueryKind::kGetValue,
                .key = std::move(key),
                .count = config_.params.value_quorum,
                .validator = validator},
               now);
}

base::Result<QueryId> Behaviour::put_value(base::Bytes key, base::Bytes value, bool keep, base::TimePoint now) {
  if (auto ok = check_value(config_, key, value); !ok) return ok.error();
  const Record* stored = known_.records.find(key, now);
  if (stored && !is_as_good(config_, key, value, stored->value)) return Errc::kInvalidValue;
  if (keep && !kept_values_.contains(key) && kept_values_.size() >= config_.limits.kept_values_max) {
    return Errc::kTooManyKept;
  }
  known_.records.put({key, value}, now);
  if (keep) {
    kept_values_[key] = value;
    maintenance_.keep(MaintenanceTask::Kind::kPut, key, now, are_few_known());
  }
  return start({.kind = QueryKind::kPutValue, .key = key, .value = std::move(value)}, now);
}

// Time.

void Behaviour::tick(base::TimePoint now) {
  std::vector<QueryId> due;
  for (const auto& [id, running] : queries_) {
    // Peers may have become slow, or the query late.
    due.push_back(id);
  }
  for (const QueryId id : due) advance(id, now);
  if (now >= next_expiry_) {
    next_expiry_ = now + kExpiryInterval;
    known_.providers.expire(now);
    known_.records.expire(now);
  }
  maintenance_.tick(table_, bootstrap_, now);
  run_maintenance(now);
}

base::TimePoint Behaviour::next_tick(base::TimePoint now) const {
  base::TimePoint next = std::min(maintenance_.next_tick(), next_expiry_);
  for (const auto& [id, running] : queries_) {
    next = std::min({next, running.deadline, running.query.next_change(now)});
  }
  return next;
}

void Behaviour::run_maintenance(base::TimePoint now) {
  while (maintenance_.has_tasks()) {
    const std::size_t under_way = queries_.size() - user_queries_ + probes_;
    if (under_way >= Maintenance::kAtOnce) return;
    run(*maintenance_.take(), now);
  }
}

void Behaviour::run(const MaintenanceTask& task, base::TimePoint now) {
  switch (task.kind) {
    case MaintenanceTask::Kind::kRefresh:
      start_query({.kind = QueryKind::kClosestPeers, .key = task.key}, true, now);
      return;
    case MaintenanceTask::Kind::kProbe: {
      // By what every implementation answers; it may even name somebody new.
      Message message{.type = MessageType::kFindNode, .key = base::to_bytes(known_.self.id.as_bytes())};
      ++probes_;
      return send({task.peer, std::move(message)}, std::nullopt, true);
    }
    case MaintenanceTask::Kind::kProvide:
      if (known_.provided.contains(task.key)) {
        ++stats_.republished;
        start_query({.kind = QueryKind::kProvide, .key = task.key}, true, now);
      }
      return;
    case MaintenanceTask::Kind::kPut:
      if (const auto kept = kept_values_.find(task.key); kept != kept_values_.end()) {
        ++stats_.republished;
        start_query({.kind = QueryKind::kPutValue, .key = task.key, .value = kept->second}, true, now);
      }
  }
}

}  // namespace libp2p::kad
