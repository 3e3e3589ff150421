#include "provider/kv_cache_provider.h"

#include "provider/testing/test_engine.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using testing::in;
using testing::Shape;

Shape small_shape() {
  Shape shape;
  shape.layers = 4;
  shape.engine_blocks = 24;
  return shape;
}

/// An engine that knows the cache through KVCacheProvider alone.
struct Engine {
  /// `shared`: peers of this host may read its memory in place.
  Engine(std::unique_ptr<Node> n, testing::NamedLayout layout, const ModelSpec& spec, bool shared = false)
      : node(std::move(n)), memory(std::move(layout), shared), provider(KVCacheProvider::create(node->core())) {
    const auto registered = provider->register_engine(spec, memory.as_region(), memory.layout());
    EXPECT_TRUE(registered) << registered.error().message();
  }
  std::unique_ptr<KVRequest> begin(const std::vector<TokenId>& tokens) {
    std::vector<Slot> slots;
    for (Slot slot = 0; slot < (tokens.size() + kBlockTokens - 1) / kBlockTokens; ++slot) slots.push_back(slot);
    return provider->begin(tokens, slots).value();
  }
  void compute(const std::vector<BlockKey>& keys, std::size_t first, std::size_t end) {
    for (std::size_t block = first; block < end; ++block) memory.compute(keys[block], static_cast<Slot>(block));
  }

  std::unique_ptr<Node> node;
  testing::EngineMemory memory;
  std::unique_ptr<KVCacheProvider> provider;
};

/// Two engines of one host with their memory where the other can read it.
class SharedMemoryProviderTest : public ::testing::TestWithParam<bool> {
 protected:
  static constexpr std::size_t kBlocks = 10;

  static std::unique_ptr<Node> start_node(bool direct) {
    NodeConfig config = testing::test_node_config();
    config.direct = direct;
    return Node::start(std::move(config)).value();
  }
  const Shape shape_ = small_shape();
  const ModelSpec model_ = testing::test_model(shape_);
  Engine producer_{start_node(true), testing::nhd(shape_), model_, true};
  Engine consumer_{start_node(GetParam()), testing::hnd(shape_), model_, true};
  std::vector<TokenId> tokens_ = testing::test_tokens(kBlocks);
  const std::vector<BlockKey> keys_ = keys_from_tokens(fingerprint_of(model_), tokens_);
};

TEST_P(SharedMemoryProviderTest, ReportTellsThePathThatTheBlocksTook) {
  testing::connect(*producer_.node, *consumer_.node);
  // Blocks are offered in place while the request that computed them lasts.
  auto produced = producer_.begin(tokens_);
  EXPECT_EQ(produced->lookup_kv(0, in(5s)).outcome, LookupOutcome::kMiss);
  producer_.compute(keys_, 0, kBlocks);
  for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) produced->store_kv(layer, tokens_.size());
  ASSERT_TRUE(produced->wait_published(in(20s)));

  std::vector<TokenId> longer = tokens_;
  longer.push_back(5);
  const std::string expected = GetParam() ? "direct, shared host memory" : "staged: the direct path is off";
  TransferReport report;
  // The producer's memory is open at the consumer a moment after they have met.
  for (const auto deadline = in(30s); report.path != expected && std::chrono::steady_clock::now() < deadline;) {
    consumer_.memory.poison();
    auto request = consumer_.begin(longer);
    const LookupResult result = request->lookup_all(in(20s));
    ASSERT_EQ(result.tokens, tokens_.size()) << result.reason;
    for (Slot slot = 0; slot < kBlocks; ++slot) ASSERT_TRUE(consumer_.memory.holds(keys_[slot], slot));
    EXPECT_TRUE(consumer_.memory.is_poisoned(kBlocks));
    report = request->transfer_report();
  }
  EXPECT_EQ(report.path, expected);
  const std::size_t bytes = kBlocks * consumer_.memory.format().block_bytes();
  EXPECT_EQ(report.bytes_direct, GetParam() ? bytes : 0);
  EXPECT_EQ(report.bytes_from_peers, GetParam() ? 0 : bytes);

  // Its blocks are the engine's again when the request is over; the stored copies serve from then on.
  ASSERT_TRUE(produced->wait_stored(in(20s)));
  producer_.memory.poison();
  produced.reset();
  consumer_.memory.poison();
  auto request = consumer_.begin(longer);
  ASSERT_EQ(request->lookup_all(in(20s)).tokens, tokens_.size());
  for (Slot slot = 0; slot < kBlocks; ++slot) ASSERT_TRUE(consumer_.memory.holds(keys_[slot], slot));
  EXPECT_EQ(request->transfer_report().bytes_from_peers, bytes);
  EXPECT_EQ(request->transfer_report().path.find("staged: "), 0u) << request->transfer_report().path;
}

INSTANTIATE_TEST_SUITE_P(DirectPath, SharedMemoryProviderTest, ::testing::Bool(),
                         [](const auto& direct) { return direct.param ? "On" : "Off"; });

class KVCacheProviderTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kBlocks = 10;

  void SetUp() override { testing::connect(*producer_.node, *consumer_.node); }

  /// The producer computes and stores the first `tokens` tokens.
  void produce(std::size_t tokens) {
    auto request = producer_.begin(tokens_);
    EXPECT_EQ(request->lookup_kv(0, in(5s)).outcome, LookupOutcome::kMiss);
    producer_.compute(keys_, 0, tokens / kBlockTokens);
    for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) request->store_kv(layer, tokens);
    ASSERT_TRUE(request->wait_stored(in(5s)));
    ASSERT_TRUE(request->wait_published(in(5s)));
    EXPECT_EQ(request->put_report().blocks_published, tokens / kBlockTokens);
  }
  std::size_t in_layer(std::uint32_t layer) const { return layer * producer_.memory.format().layer_slice_bytes(); }

  const Shape shape_ = small_shape();
  const ModelSpec model_ = testing::test_model(shape_);
  Engine producer_{testing::start_test_node(), testing::nhd(shape_), model_};
  Engine consumer_{testing::start_test_node(), testing::hnd(shape_), model_};
  const std::vector<TokenId> tokens_ = testing::test_tokens(kBlocks);
  const std::vector<BlockKey> keys_ = keys_from_tokens(fingerprint_of(model_), tokens_);
};

TEST_F(KVCacheProviderTest, HitGivesEveryLayerButNeverTheWholePrompt) {
  produce(tokens_.size());
  auto request = consumer_.begin(tokens_);
  for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) {
    const LookupResult result = request->lookup_kv(layer, in(5s));
    ASSERT_EQ(result.outcome, LookupOutcome::kHit) << result.reason;
    EXPECT_EQ(result.tokens, (kBlocks - 1) * kBlockTokens) << "one block is left to compute";
    for (Slot slot = 0; slot + 1 < kBlocks; ++slot) EXPECT_TRUE(consumer_.memory.holds(keys_[slot], layer, slot));
  }
  EXPECT_TRUE(consumer_.memory.is_poisoned(kBlocks - 1));
  EXPECT_GT(request->transfer_report().bytes_from_peers, 0u);
}

TEST_F(KVCacheProviderTest, OneTokenMoreMakesTheLastBlockFetchable) {
  produce(tokens_.size());
  std::vector<TokenId> longer = tokens_;
  longer.push_back(5);
  auto request = consumer_.begin(longer);
  EXPECT_EQ(request->lookup_all(in(5s)).tokens, tokens_.size());
  for (Slot slot = 0; slot < kBlocks; ++slot) EXPECT_TRUE(consumer_.memory.holds(keys_[slot], slot));
}

TEST_F(KVCacheProviderTest, PartialHitThenOnlyTheRestIsPut) {
  produce(6 * kBlockTokens);
  auto request = consumer_.begin(tokens_);
  EXPECT_EQ(request->lookup_kv(0, in(5s)).tokens, 6 * kBlockTokens);
  for (std::uint32_t layer = 1; layer < shape_.layers; ++layer) {
    EXPECT_EQ(request->lookup_kv(layer, in(5s)).outcome, LookupOutcome::kHit);
  }
  consumer_.compute(keys_, 6, kBlocks);
  for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) request->store_kv(layer, tokens_.size());
  ASSERT_TRUE(request->wait_published(in(5s)));
  EXPECT_EQ(request->put_report().blocks_published, kBlocks - 6);
  // The producer finds the rest at the consumer: its own beginning, then the peer's end.
  std::vector<TokenId> longer = tokens_;
  longer.push_back(1);
  EXPECT_EQ(producer_.provider->lookup(longer, in(5s)), tokens_.size());
}

TEST_F(KVCacheProviderTest, BlockIsPublishedWhenItsLastLayerIsIn) {
  auto request = producer_.begin(tokens_);
  request->lookup_kv(0, in(5s));
  producer_.compute(keys_, 0, kBlocks);
  for (std::uint32_t layer = 0; layer + 1 < shape_.layers; ++layer) request->store_kv(layer, 64);
  EXPECT_EQ(consumer_.provider->lookup(tokens_, in(5s)), 0u);
  request->store_kv(shape_.layers - 1, 40);
  ASSERT_TRUE(request->wait_published(in(5s)));
  EXPECT_EQ(request->put_report().blocks_published, 2u) << "40 tokens are two full blocks";
  // The second chunk.
  for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) request->store_kv(layer, 80);
  ASSERT_TRUE(request->wait_published(in(5s)));
  EXPECT_EQ(request->put_report().blocks_published, 5u);
}

TEST_F(KVCacheProviderTest, CorruptionBeforeAnythingIsDeliveredShortensTheHit) {
  produce(tokens_.size());
  testing::corrupt_stored(*producer_.node, keys_[3], producer_.memory.format(), in_layer(0));
  auto request = consumer_.begin(tokens_);
  const LookupResult result = request->lookup_kv(0, in(5s));
  EXPECT_EQ(result.outcome, LookupOutcome::kHit);
  EXPECT_EQ(result.tokens, 3 * kBlockTokens);
  EXPECT_FALSE(result.reason.empty());
  EXPECT_EQ(request->lookup_kv(1, in(5s)).tokens, 3 * kBlockTokens);
}

TEST_F(KVCacheProviderTest, CorruptionAfterSomeLayersIsARestartFromTheShorterPrefix) {
  produce(tokens_.size());
  testing::corrupt_stored(*producer_.node, keys_[5], producer_.memory.format(), in_layer(3));
  auto request = consumer_.begin(tokens_);
  ASSERT_EQ(request->lookup_kv(0, in(5s)).outcome, LookupOutcome::kHit);
  LookupResult result;
  for (std::uint32_t layer = 1; layer < shape_.layers; ++layer) {
    result = request->lookup_kv(layer, in(5s));
    if (result.outcome == LookupOutcome::kRestart) break;
  }
  // Layer 0 may have been answered after the failure was known; then there is nothing to restart.
  if (result.outcome == LookupOutcome::kRestart) {
    EXPECT_EQ(result.tokens, 5 * kBlockTokens);
  }
  for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) {
    result = request->lookup_kv(layer, in(5s));
    ASSERT_EQ(result.outcome, LookupOutcome::kHit);
    ASSERT_EQ(result.tokens, 5 * kBlockTokens);
  }
  for (Slot slot = 0; slot < 5; ++slot) EXPECT_TRUE(consumer_.memory.holds(keys_[slot], slot));
  // What failed is computed and put like anything else.
  consumer_.compute(keys_, 5, kBlocks);
  for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) request->store_kv(layer, tokens_.size());
  ASSERT_TRUE(request->wait_published(in(5s)));
  EXPECT_EQ(request->put_report().blocks_published, kBlocks - 5);
}

TEST_F(KVCacheProviderTest, StalledPeerIsAMissAtTheDeadline) {
  produce(tokens_.size());
  testing::StalledNode stalled(*producer_.node);
  auto request = consumer_.begin(tokens_);
  const LookupResult result = request->lookup_kv(0, in(50ms));
  EXPECT_EQ(result.outcome, LookupOutcome::kMiss);
  EXPECT_FALSE(result.reason.empty());
  EXPECT_EQ(request->lookup_kv(1, in(5s)).outcome, LookupOutcome::kMiss);
}

TEST_F(KVCacheProviderTest, NothingIsWrittenOnceTheRequestIsGone) {
  produce(tokens_.size());
  auto request = consumer_.begin(tokens_);
  request->lookup_kv(0, in(5s));
  request.reset();
  consumer_.memory.poison();
  testing::run_on_node(*consumer_.node, [] {});
  for (Slot slot = 0; slot < kBlocks; ++slot) EXPECT_TRUE(consumer_.memory.is_poisoned(slot));
}

TEST_F(KVCacheProviderTest, PrefetchedLookUpIsJoined) {
  produce(tokens_.size());
  consumer_.provider->prefetch(tokens_, in(5s));
  auto request = consumer_.begin(tokens_);
  EXPECT_EQ(request->lookup_kv(0, in(5s)).outcome, LookupOutcome::kHit);
  std::uint64_t joined = 0;
  for (const auto& [name, value] : consumer_.provider->stats().counters) {
    if (name == "matches_joined") joined = value;
  }
  EXPECT_EQ(joined, 1u);
}

TEST_F(KVCacheProviderTest, SaltedPromptsDoNotMeet) {
  produce(tokens_.size());
  std::vector<Slot> slots(kBlocks);
  for (Slot slot = 0; slot < kBlocks; ++slot) slots[slot] = slot;
  const std::vector<Extras> salt(kBlocks, Extras{{ExtraKind::kTenantSalt, base::Bytes{1}}});
  auto request = consumer_.provider->begin(tokens_, slots, salt).value();
  EXPECT_EQ(request->lookup_kv(0, in(5s)).outcome, LookupOutcome::kMiss);
}

TEST_F(KVCacheProviderTest, BadArgumentsAreRefused) {
  EXPECT_EQ(consumer_.provider->begin(tokens_, {0, 1}).error(), KvError::kBadRequest);
  EXPECT_EQ(consumer_.provider->begin({}, {}).error(), KvError::kBadRequest);
  EXPECT_EQ(consumer_.provider->begin({1, 2}, {99}).error(), KvError::kSlotOutOfRange);
  auto bytes = consumer_.memory.bytes();
  EXPECT_EQ(
      consumer_.provider->register_engine(model_, {bytes.data(), bytes.size()}, consumer_.memory.layout()).error(),
      KvError::kBadRequest)
      << "one engine a provider";
  auto fresh = KVCacheProvider::create(consumer_.node->core());
  EXPECT_EQ(fresh->begin(tokens_, {0}).error(), KvError::kUnknownModel);
  EXPECT_EQ(fresh->lookup(tokens_, in(1s)), 0u);
}

TEST_F(KVCacheProviderTest, ShortPromptsNeedNoCache) {
  auto request = consumer_.begin({1, 2, 3});
  EXPECT_EQ(request->lookup_kv(0, in(5s)).outcome, LookupOutcome::kMiss);
  request->store_kv(0, 3);
  EXPECT_TRUE(request->wait_stored(in(1s)));
  EXPECT_TRUE(request->wait_published(in(1s)));
}

}  // namespace
}  // namespace kvp2p
