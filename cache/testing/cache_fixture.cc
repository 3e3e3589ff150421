#include "cache/testing/cache_fixture.h"

namespace kvp2p::testing {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kStagingSlotBytes = 64u << 10;
constexpr std::size_t kStagingSlots = 64;

}  // namespace

Shape CacheTest::shape() {
  Shape shape;
  shape.layers = 3;
  shape.heads = 2;
  shape.engine_blocks = kBlocks + 4;
  return shape;
}

CacheTest::CacheTest(std::size_t store_blocks_max, bool direct, std::size_t direct_step_bytes,
                     FetchLimits fetch_limits) {
  staging_ = StagingPool::create(*connector_.allocate_host(kStagingSlotBytes * kStagingSlots), kStagingSlotBytes,
                                 kStagingSlots);
  CacheConfig config;
  config.reach = [this](auto peer, base::TimePoint) { return reach(std::move(peer)); };
  config.on_prefix = [this](const BlockKey& first, PrefixAt at) { prefixes_.emplace_back(first, at); };
  config.store_bytes_max = store_blocks_max * engine_.format().block_bytes();
  config.workers = 2;
  config.fetch_limits = fetch_limits;
  if (direct) direct_client_ = DirectClient::create(io_.get_executor(), real_clock_, connector_);
  manager_ = std::make_unique<CacheManager>(io_.get_executor(), clock_, connector_, staging_, index_, config,
                                            DirectPath{nullptr, direct_client_.get(), direct_step_bytes});
  exchange_ = std::make_unique<ScriptedExchange>(io_.get_executor(), clock_, staging_);
  manager_->attach(*exchange_);
  region_ = *manager_->register_region(engine_.as_region(), engine_.layout());
  model_.weights_digest = "w";
  model_.layers = shape().layers;
  fingerprint_ = manager_->register_model(model_);
  std::vector<TokenId> tokens(kBlocks * kBlockTokens);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<TokenId>(i * 77);
  keys_ = keys_from_tokens(fingerprint_, tokens);
  settle();
}

CacheTest::~CacheTest() { close_reader(); }

void CacheTest::close_reader() {
  if (!manager_) return;
  manager_->stop();
  settle();
  manager_->unregister_region(region_);
  settle();
  run_until([&] { return !manager_->holds_peer_regions(); });
  exchange_.reset();
  manager_.reset();
  if (!direct_client_) return;
  base::spawn(io_.get_executor(), direct_client_->close());
  settle();
  direct_client_.reset();
}

base::Task<bool> CacheTest::reach(multiformats::PeerId peer) {
  co_await base::yield_now();
  const auto found = far_peers_.find(peer);
  if (found == far_peers_.end()) co_return false;
  exchange_->scripts.insert(*found);
  co_return true;
}

void CacheTest::settle() {
  // Idle several times in a row: what workers and copies bring is posted.
  for (int idle = 0; idle < 5;) {
    io_.restart();
    if (io_.poll() > 0) {
      idle = 0;
    } else {
      ++idle;
      std::this_thread::sleep_for(1ms);
    }
  }
}

void CacheTest::advance(base::Duration time) {
  settle();
  clock_.advance(time);
  settle();
}

multiformats::PeerId CacheTest::add_peer(std::size_t first, std::size_t end, bool indexed) {
  const multiformats::PeerId peer = new_peer_id();
  ScriptedExchange::Peer& script = exchange_->scripts[peer];
  script.keys.insert(keys_.begin() + static_cast<std::ptrdiff_t>(first),
                     keys_.begin() + static_cast<std::ptrdiff_t>(end));
  if (indexed) index_.stored(peer, 1, std::span(keys_).subspan(first, end - first));
  return peer;
}

MatchRequest CacheTest::request(std::size_t blocks, base::Duration time) const {
  MatchRequest request;
  request.fingerprint = fingerprint_;
  request.keys.assign(keys_.begin(), keys_.begin() + static_cast<std::ptrdiff_t>(blocks));
  request.shards = {engine_.format()};
  request.deadline = clock_.now() + time;
  return request;
}

MatchId CacheTest::decided_match(std::size_t blocks) {
  const MatchId match = manager_->match(request(blocks));
  run_until([&] { return !status_of(match).pending; });
  return match;
}

GetRequest CacheTest::get_request(MatchId match, std::size_t blocks) const {
  GetRequest get;
  get.match = match;
  get.region = region_;
  for (Slot slot = 0; slot < blocks; ++slot) get.slots.push_back(slot);
  get.deadline = clock_.now() + 2s;
  return get;
}

std::shared_ptr<TransferState> CacheTest::start_get(MatchId match, std::size_t blocks) {
  const TransferId transfer = manager_->get(get_request(match, blocks)).value();
  settle();
  return manager_->find(transfer);
}

void CacheTest::put_blocks(std::size_t first, std::size_t end) {
  PutRequest put;
  put.fingerprint = fingerprint_;
  put.region = region_;
  for (std::size_t block = first; block < end; ++block) {
    engine_.compute(keys_[block], static_cast<Slot>(block));
    put.keys.push_back(keys_[block]);
    put.slots.push_back(static_cast<Slot>(block));
  }
  const PutId id = manager_->put(std::move(put)).value();
  const auto state = manager_->find(id);
  run_until([&] { return state->published(); });
  manager_->release(id);
}

}  // namespace kvp2p::testing
