#include "cache/cache_manager.h"

#include "base/log.h"
#include "direct/direct_server.h"
#include "exchange/exchange.h"
#include "kv/tenant.h"

#include <boost/asio/post.hpp>

namespace kvp2p {

namespace {

/// Peers and paths of which the statistics tell, those that brought most.
constexpr std::size_t kStatsPeersMax = 16;

}  // namespace

CacheManager::CacheManager(base::Executor executor, base::Clock& clock, GpuConnector& connector,
                           std::shared_ptr<StagingPool> serving_staging, BlockIndex& index, CacheConfig config,
                           DirectPath direct)
    : workers_(std::make_shared<WorkerPool>(config.workers)),
      tenant_salt_(std::move(config.tenant_salt)),
      on_model_(std::move(config.on_model)) {
  context_.executor = executor;
  context_.clock = &clock;
  context_.connector = &connector;
  context_.workers = workers_.get();
  context_.models = &models_;
  context_.index = &index;
  context_.reach = std::move(config.reach);
  context_.on_prefix = std::move(config.on_prefix);
  context_.direct = direct;
  context_.fetch_limits = config.fetch_limits;
  context_.fetch_policy = config.fetch_policy;
  LocalBlockSet::Parts parts;
  parts.executor = executor;
  parts.clock = &clock;
  parts.connector = &connector;
  parts.staging = std::move(serving_staging);
  parts.workers = workers_;
  parts.models = &models_;
  parts.counters = &context_.counters;
  parts.direct = direct.server;
  parts.store_bytes_max = config.store_bytes_max;
  local_ = std::make_unique<LocalBlockSet>(std::move(parts));
  context_.local = local_.get();
}

CacheManager::~CacheManager() {
  // First, because their jobs refer to what is below.
  workers_->stop();
}

void CacheManager::attach(Exchange& exchange) {
  context_.link->exchange = &exchange;
  local_->set_epoch(exchange.epoch());
  context_.on_late_answer = [this](const ShardMatch& match) {
    // A copy: one that ends at once is taken out.
    std::vector<std::shared_ptr<TransferOperation>> transfers;
    for (const auto& [id, transfer] : transfers_) transfers.push_back(transfer);
    for (const auto& transfer : transfers) transfer->on_late_answer(match);
  };
  local_->on_stored = [link = context_.link](const Fingerprint& fingerprint, const ObjectFormat& format,
                                             const BlockKey& key) {
    if (link->exchange != nullptr) link->exchange->announce_stored(fingerprint, format, key);
  };
  local_->on_evicted = [link = context_.link](const Fingerprint& fingerprint, const BlockKey& key) {
    if (link->exchange != nullptr) link->exchange->announce_evicted(fingerprint, key);
  };
}

void CacheManager::stop() {
  if (stopping_.exchange(true)) return;
  context_.link->exchange = nullptr;
  for (auto& [id, transfer] : std::exchange(transfers_, {})) {
    transfer->end();
    if (auto state = transfer_states_.find(id)) state->finish("the node is stopping");
  }
  context_.trial.reset();
  for (auto& [id, match] : std::exchange(matches_, {})) match->stop();
  for (auto& [id, put] : std::exchange(puts_, {})) put->drop_rest();
  local_->stop();
}

void CacheManager::post(std::function<void()> call) const { boost::asio::post(context_.executor, std::move(call)); }

// Memory and models --------------------------------------------------------------------------------------------------

base::Result<RegionId> CacheManager::register_region(const RegionMemory& memory, const LayoutDesc& layout) {
  auto region = context_.connector->register_region(memory, layout);
  if (region && context_.direct.server != nullptr) context_.direct.server->add_region(*region, layout.slots());
  return region;
}

void CacheManager::unregister_region(RegionId region) {
  for (const auto& transfer : transfer_states_.all()) {
    if (transfer->region() == region) transfer->cancel("its memory was unregistered");
  }
  for (const auto& offer : offers_.all()) {
    if (offer->request().region == region) revoke(offer->id());
  }
  post([this, region] { local_->remove_offers_of(region); });
  // Before the connector forgets it: peers must have closed what they have open of it.
  if (context_.direct.server != nullptr) context_.direct.server->remove_region(region);
  context_.connector->unregister_region(region);
}

Fingerprint CacheManager::register_model(const ModelSpec& spec) {
  ModelFields fields = spec.fields();
  const Fingerprint model = fingerprint_of(fields);
  const Fingerprint space = tenant_fingerprint(model, tenant_salt_);
  post([this, model, space, fields = std::move(fields)]() mutable {
    models_.add(space, std::move(fields));
    if (on_model_) on_model_(model);
  });
  return space;
}

// Match --------------------------------------------------------------------------------------------------------------

MatchId CacheManager::match(MatchRequest request) {
  if (match_states_.size() >= kMatchesMax) return MatchId{0};
  const bool good =
      request.keys.size() <= kRequestKeysMax && !request.shards.empty() && request.shards.size() <= kRequestShardsMax &&
      std::all_of(request.shards.begin(), request.shards.end(), [](const auto& s) { return s.is_valid(); });
  if (!good) return refuse(std::move(request), make_error_code(KvError::kBadRequest).message());
  if (stopping_) return refuse(std::move(request), make_error_code(KvError::kStopping).message());

  const std::uint64_t hash = question_hash(request);
  std::shared_ptr<MatchState> state;
  {
    std::lock_guard lock(open_mutex_);
    auto [first, last] = open_matches_.equal_range(hash);
    for (; first != last; ++first) {
      auto open = match_states_.find(first->second.id);
      if (!open || !same_question(open->request(), request) || !open->joinable(std::chrono::steady_clock::now()))
        continue;
      ++first->second.uses;
      ++context_.counters.matches_joined;
      return first->second.id;
    }
    const MatchId id = match_states_.next_id();
    state = std::make_shared<MatchState>(id, std::move(request), completions_);
    match_states_.insert(id, state);
    open_matches_.emplace(hash, OpenMatch{id});
  }
  ++context_.counters.matches;
  post([this, state] {
    auto operation = std::make_shared<MatchOperation>(context_, state);
    matches_.emplace(state->id(), operation);
    operation->start();
    if (stopping_) operation->stop();
  });
  return state->id();
}

MatchId CacheManager::refuse(MatchRequest request, const std::string& reason) {
  request.keys.clear();
  const MatchId id = match_states_.next_id();
  auto state = std::make_shared<MatchState>(id, std::move(request), completions_);
  MatchStatus status;
  status.reason = reason;
  state->decide(std::move(status));
  match_states_.insert(id, std::move(state));
  return id;
}

void CacheManager::release(MatchId id) {
  {
    std::lock_guard lock(open_mutex_);
    auto state = match_states_.find(id);
    if (!state) return;
    auto [first, last] = open_matches_.equal_range(question_hash(state->request()));
    for (; first != last; ++first) {
      if (first->second.id != id) continue;
      if (--first->second.uses > 0) return;
      open_matches_.erase(first);
      break;
    }
    match_states_.remove(id);
  }
  post([this, id] {
    auto found = matches_.find(id);
    if (found == matches_.end()) return;
    found->second->stop();
    matches_.erase(found);
  });
}

// Get ----------------------------------------------------------------------------------------------------------------

base::Result<TransferPlan> CacheManager::check(const GetRequest& request, const MatchState& match) const {
  const MatchStatus status = match.status();
  if (status.pending) return KvError::kMatchPending;
  if (match.expired()) return KvError::kMatchExpired;
  if (request.shard >= match.request().shards.size() || request.slots.empty()) return KvError::kBadRequest;
  if (request.first_block > status.blocks || request.slots.size() > status.blocks - request.first_block) {
    return KvError::kNotMatched;
  }
  auto layout = context_.connector->layout_of(request.region);
  if (!layout) return layout.error();
  if (layout->format != match.request().shards[request.shard]) return KvError::kFormatMismatch;

  std::vector<Slot> sorted = request.slots;
  std::sort(sorted.begin(), sorted.end());
  const bool twice = std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
  if (twice || sorted.back() >= layout->slots()) return KvError::kSlotOutOfRange;

  TransferPlan plan;
  plan.layer_order = request.layer_order;
  const std::uint32_t layers = layout->format.shard.layers();
  if (plan.layer_order.empty()) {
    for (std::uint32_t layer = 0; layer < layers; ++layer) plan.layer_order.push_back(layer);
  }
  std::vector<std::uint8_t> named(layers, 0);
  if (plan.layer_order.size() != layers) return KvError::kBadLayerOrder;
  for (const std::uint32_t layer : plan.layer_order) {
    if (layer >= layers || named[layer]++ != 0) return KvError::kBadLayerOrder;
  }
  plan.region = request.region;
  plan.format = layout->format;
  plan.first_block = request.first_block;
  plan.slots = request.slots;
  plan.ready = request.ready;
  plan.deadline = request.deadline;
  return plan;
}

base::Result<TransferId> CacheManager::get(GetRequest request) {
  if (stopping_) return KvError::kStopping;
  auto match = match_states_.find(request.match);
  if (!match) return KvError::kUnknownId;
  if (transfer_states_.size() >= kTransfersMax) return KvError::kTooMany;
  auto checked = check(request, *match);
  if (!checked) return checked.error();
  auto plan = std::make_shared<TransferPlan>(std::move(*checked));

  const TransferId id = transfer_states_.next_id();
  const auto on_ended = [this, id] {
    post([this, id] {
      auto found = transfers_.find(id);
      if (found == transfers_.end()) return;
      found->second->end();
      transfers_.erase(found);
    });
  };
  auto state = std::make_shared<TransferState>(id, plan->region, plan->slots.size(), plan->format.shard.layers(),
                                               completions_, on_ended);
  state->update_report([&](TransferReport& report) {
    report.match = match->time_to_decide();
    report.decision = match->status().decision;
  });
  transfer_states_.insert(id, state);
  ++context_.counters.transfers;
  post([this, match_id = request.match, shard = request.shard, plan, state] {
    start_transfer(match_id, shard, plan, state);
  });
  return id;
}

void CacheManager::start_transfer(MatchId match, std::size_t shard, const std::shared_ptr<TransferPlan>& plan,
                                  const std::shared_ptr<TransferState>& state) {
  auto found = matches_.find(match);
  if (stopping_ || found == matches_.end() || found->second->state()->expired()) {
    state->finish(stopping_ ? "the node is stopping" : "the match was released or has expired");
    return;
  }
  plan->match = found->second->shard(shard);
  auto operation = std::make_shared<TransferOperation>(context_, std::move(*plan), state);
  transfers_.emplace(state->id(), operation);
  operation->start();
  // It may have ended before it was in the map.
  if (!state->ended()) return;
  operation->end();
  transfers_.erase(state->id());
}

void CacheManager::release(TransferId id) {
  if (auto state = transfer_states_.remove(id)) state->cancel("released");
}

// Put ----------------------------------------------------------------------------------------------------------------

base::Result<ObjectFormat> CacheManager::check(const PutRequest& request) const {
  if (stopping_) return KvError::kStopping;
  if (request.keys.empty() || request.keys.size() > kRequestKeysMax || request.keys.size() != request.slots.size()) {
    return KvError::kBadRequest;
  }
  auto layout = context_.connector->layout_of(request.region);
  if (!layout) return layout.error();
  for (const Slot slot : request.slots) {
    if (slot >= layout->slots()) return KvError::kSlotOutOfRange;
  }
  return layout->format;
}

base::Result<PutId> CacheManager::put(PutRequest request) {
  auto format = check(request);
  if (!format) return format.error();
  if (put_states_.size() >= kPutsMax) return KvError::kTooMany;
  const PutId id = put_states_.next_id();
  auto state = std::make_shared<PutState>(id, completions_);
  put_states_.insert(id, state);
  ++context_.counters.puts;
  if (puts_open_ >= kPutsOpenMax[static_cast<std::size_t>(request.priority)]) {
    context_.counters.blocks_dropped += request.keys.size();
    state->update_report([&](PutReport& report) { report.blocks_dropped = request.keys.size(); });
    state->release_source();
    state->publish();
    return id;
  }
  ++puts_open_;
  post([this, state, request = std::move(request), format = *format]() mutable {
    start_put(state, std::move(request), format);
  });
  return id;
}

void CacheManager::start_put(const std::shared_ptr<PutState>& state, PutRequest request, const ObjectFormat& format) {
  auto operation = std::make_shared<PutOperation>(context_, state, std::move(request), format);
  puts_.emplace(state->id(), operation);
  operation->start([this, id = state->id()] {
    --puts_open_;
    puts_.erase(id);
  });
  if (stopping_) operation->drop_rest();
}

void CacheManager::release(PutId id) { put_states_.remove(id); }

// Offer --------------------------------------------------------------------------------------------------------------

base::Result<OfferId> CacheManager::offer(PutRequest request) {
  auto format = check(request);
  if (!format) return format.error();
  if (offers_.size() >= kOffersMax) return KvError::kTooMany;
  const OfferId id = offers_.next_id();
  const ReadyEvent ready = request.ready;
  auto offer = std::make_shared<Offer>(id, std::move(request), *format, context_.direct.server);
  offers_.insert(id, offer);
  ++context_.counters.offers;
  const auto show = [this, executor = context_.executor, offer] {
    boost::asio::post(executor, [this, offer] {
      if (!offer->revoked() && !stopping_) local_->add_offer(offer);
    });
  };
  // No peer can wait for an event of this process: the blocks are shown once they are written.
  const auto show_when_written = [connector = context_.connector, offer, ready, show] {
    if (offer->revoked()) return;
    if (ready.device == nullptr) return show();
    connector->when_happened(offer->request().region, ready.device, [show](base::Result<> written) {
      if (written) return show();
      LOG_WARN("offered blocks are not shown, for their event failed: {}", written.error().message());
    });
  };
  if (ready.host) {
    ready.host->when_signalled(show_when_written);
  } else {
    show_when_written();
  }
  return id;
}

void CacheManager::revoke(OfferId id) {
  auto offer = offers_.find(id);
  if (!offer) return;
  offer->revoke();
  post([this, offer] { local_->remove_offer(*offer); });
}

void CacheManager::release(OfferId id) { offers_.remove(id); }

// Stats --------------------------------------------------------------------------------------------------------------

CoreStats CacheManager::stats() const {
  const CacheCounters& c = context_.counters;
  const MemoryStoreStats store = local_->store().stats();
  CoreStats stats;
  stats.counters = {
      {"matches", c.matches},
      {"matches_joined", c.matches_joined},
      {"blocks_asked", c.blocks_asked},
      {"blocks_matched_local", c.blocks_matched_local},
      {"blocks_matched_peer", c.blocks_matched_peer},
      {"decided_fetch", c.decided_fetch},
      {"decided_fetch_part", c.decided_fetch_part},
      {"decided_recompute", c.decided_recompute},
      {"decided_unmeasured", c.decided_unmeasured},
      {"blocks_left_to_recompute", c.blocks_left_to_recompute},
      {"transfers", c.transfers},
      {"transfers_short", c.transfers_short},
      {"bytes_from_peers", c.bytes_from_peers},
      {"bytes_from_local", c.bytes_from_local},
      {"frames_corrupt", c.frames_corrupt},
      {"blocks_failed", c.blocks_failed},
      {"fetches_retried", c.fetches_retried},
      {"fetch_pieces", c.pieces},
      {"fetch_pieces_moved", c.pieces_moved},
      {"fetch_hedges", c.hedges},
      {"fetch_hedges_won", c.hedges_won},
      {"fetch_hedge_bytes", c.hedge_bytes},
      {"transfers_of_many_sources", c.transfers_of_many},
      {"strangers_tried", c.strangers_tried},
      {"puts", c.puts},
      {"blocks_published", c.blocks_published},
      {"blocks_dropped", c.blocks_dropped},
      {"offers", c.offers},
      {"serve_gather_ns", c.serve_gather_ns},
      {"serve_digest_ns", c.serve_digest_ns},
      {"direct_transfers", c.direct_transfers},
      {"direct_bytes", c.direct_bytes},
      {"direct_fallbacks", c.direct_fallbacks},
      {"direct_stale_blocks", c.direct_stale_blocks},
      {"store_blocks", store.blocks},
      {"store_bytes", store.bytes},
      {"store_bytes_max", store.bytes_max},
      {"store_blocks_evicted", store.evicted_blocks},
      {"store_reservations_refused", store.refused_reservations},
  };
  for (const PeerEstimates::Total& total : context_.estimates.totals(kStatsPeersMax)) {
    const std::string path = total.path == PeerPath::kDirect ? "bytes_direct_from_" : "bytes_network_from_";
    stats.counters.emplace_back(path + total.peer.to_text(), total.bytes);
  }
  return stats;
}

}  // namespace kvp2p
