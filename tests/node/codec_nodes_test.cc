// Two nodes on loopback that code what they share: what arrives is what coding and decoding here gives, bit for bit,
// and nodes that code otherwise share nothing.
#include "provider/kv_cache_provider.h"
#include "provider/testing/test_engine.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using testing::in;
using testing::Shape;

constexpr std::size_t kBlocks = 6;

std::unique_ptr<Node> start_node(Codec codec, bool direct = false) {
  NodeConfig config = testing::test_node_config();
  config.codec = codec;
  config.direct = direct;
  return Node::start(std::move(config)).value();
}

/// Its memory's layout names the codec too, so that its content is finite; the provider gets one that does not.
struct Engine {
  Engine(Codec node_codec, testing::NamedLayout layout, const ModelSpec& spec, bool direct = false)
      : node(start_node(node_codec, direct)),
        memory(std::move(layout), direct),
        provider(KVCacheProvider::create(node->core())) {
    LayoutDesc plain = memory.layout();
    plain.format.codec = Codec::kNone;
    const auto registered = provider->register_engine(spec, memory.as_region(), plain);
    EXPECT_TRUE(registered) << registered.error().message();
  }
  std::unique_ptr<KVRequest> begin(const std::vector<TokenId>& tokens) {
    std::vector<Slot> slots;
    for (Slot slot = 0; slot < (tokens.size() + kBlockTokens - 1) / kBlockTokens; ++slot) slots.push_back(slot);
    return provider->begin(tokens, slots).value();
  }

  std::unique_ptr<Node> node;
  testing::EngineMemory memory;
  std::unique_ptr<KVCacheProvider> provider;
};

class CodecNodesTest : public ::testing::TestWithParam<std::tuple<Codec, ElementType>> {
 protected:
  CodecNodesTest() {
    shape_.layers = 3;
    shape_.heads = 2;
    shape_.head_dim = 80;  // no multiple of a group
    shape_.engine_blocks = 16;
    shape_.codec = std::get<0>(GetParam());
    shape_.element = std::get<1>(GetParam());
    model_ = testing::test_model(shape_);
    keys_ = keys_from_tokens(fingerprint_of(model_), tokens_);
    longer_.push_back(5);
  }

  void produce(Engine& producer, std::unique_ptr<KVRequest>& request) const {
    for (Slot slot = 0; slot < kBlocks; ++slot) producer.memory.compute(keys_[slot], slot);
    publish(producer, request);
    ASSERT_TRUE(request->wait_published(in(20s)));
  }
  void publish(Engine& producer, std::unique_ptr<KVRequest>& request) const {
    request = producer.begin(tokens_);
    EXPECT_EQ(request->lookup_kv(0, in(5s)).outcome, LookupOutcome::kMiss);
    for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) request->store_kv(layer, tokens_.size());
  }

  Shape shape_;
  ModelSpec model_;
  const std::vector<TokenId> tokens_ = testing::test_tokens(kBlocks);
  std::vector<TokenId> longer_ = tokens_;
  std::vector<BlockKey> keys_;
};

TEST_P(CodecNodesTest, WhatArrivesIsWhatCodingAndDecodingHereGives) {
  Engine producer(shape_.codec, testing::nhd(shape_), model_);
  Engine consumer(shape_.codec, testing::hnd(shape_), model_);
  testing::connect(*producer.node, *consumer.node);
  std::unique_ptr<KVRequest> produced;
  produce(producer, produced);
  auto request = consumer.begin(longer_);
  const LookupResult result = request->lookup_all(in(20s));
  ASSERT_EQ(result.tokens, tokens_.size()) << result.reason;
  for (Slot slot = 0; slot < kBlocks; ++slot) EXPECT_TRUE(consumer.memory.holds_decoded(keys_[slot], slot)) << slot;
  EXPECT_EQ(request->transfer_report().bytes_from_peers, kBlocks * producer.memory.format().block_bytes());
  ObjectFormat plain = producer.memory.format();
  plain.codec = Codec::kNone;
  EXPECT_LT(producer.memory.format().block_bytes() * 10, plain.block_bytes() * 6);

  // Out of its own store it gets the same.
  producer.memory.poison();
  auto again = producer.begin(longer_);
  ASSERT_EQ(again->lookup_all(in(20s)).tokens, tokens_.size());
  for (Slot slot = 0; slot < kBlocks; ++slot) EXPECT_TRUE(producer.memory.holds_decoded(keys_[slot], slot)) << slot;
}

TEST_P(CodecNodesTest, NodesThatCodeOtherwiseShareNothing) {
  Engine producer(shape_.codec, testing::nhd(shape_), model_);
  std::unique_ptr<KVRequest> produced;
  produce(producer, produced);
  for (const Codec other : {Codec::kNone, Codec::kInt8, Codec::kFp8, Codec::kInt4}) {
    if (other == shape_.codec) continue;
    Engine consumer(other, testing::hnd(shape_), model_);
    testing::connect(*producer.node, *consumer.node);
    const LookupResult result = consumer.begin(longer_)->lookup_all(in(5s));
    EXPECT_EQ(result.outcome, LookupOutcome::kMiss) << name_of(other);
    EXPECT_TRUE(consumer.memory.is_poisoned(0));
  }
}

TEST_P(CodecNodesTest, BlockWithAValueThatCannotBeCodedIsAMiss) {
  Engine producer(shape_.codec, testing::nhd(shape_), model_);
  Engine consumer(shape_.codec, testing::hnd(shape_), model_);
  testing::connect(*producer.node, *consumer.node);
  for (Slot slot = 0; slot < kBlocks; ++slot) producer.memory.compute(keys_[slot], slot);
  constexpr Slot kBad = 4;
  const std::size_t at = testing::element_offset(producer.memory.layout(), 1, kBad, 1, 0, 3, 70);
  std::memset(&producer.memory.bytes()[at], 0xff, element_bytes(shape_.element));  // a NaN of any type
  std::unique_ptr<KVRequest> produced;
  publish(producer, produced);
  EXPECT_FALSE(produced->wait_published(in(20s))) << "not all of it";
  EXPECT_EQ(produced->put_report().blocks_dropped, 1u);
  EXPECT_EQ(produced->put_report().blocks_published, kBlocks - 1);
  ASSERT_TRUE(produced->wait_stored(in(20s)));  // nothing is offered any more

  auto request = consumer.begin(longer_);
  const LookupResult result = request->lookup_all(in(20s));
  EXPECT_EQ(result.tokens, kBad * kBlockTokens) << result.reason;
  for (Slot slot = 0; slot < kBad; ++slot) EXPECT_TRUE(consumer.memory.holds_decoded(keys_[slot], slot)) << slot;
  EXPECT_TRUE(consumer.memory.is_poisoned(kBad));
}

TEST_P(CodecNodesTest, WhatIsReadInPlaceIsNotCoded) {
  Engine producer(shape_.codec, testing::nhd(shape_), model_, true);
  Engine consumer(shape_.codec, testing::hnd(shape_), model_, true);
  testing::connect(*producer.node, *consumer.node);
  std::unique_ptr<KVRequest> produced;
  produce(producer, produced);
  // The producer's memory is open at the consumer a moment after they have met.
  TransferReport report;
  for (const auto deadline = in(30s); report.bytes_direct == 0 && std::chrono::steady_clock::now() < deadline;) {
    consumer.memory.poison();
    auto request = consumer.begin(longer_);
    const LookupResult result = request->lookup_all(in(20s));
    ASSERT_EQ(result.tokens, tokens_.size()) << result.reason;
    report = request->transfer_report();
  }
  EXPECT_EQ(report.path, "direct, shared host memory");
  for (Slot slot = 0; slot < kBlocks; ++slot) EXPECT_TRUE(consumer.memory.holds(keys_[slot], slot)) << slot;
}

INSTANTIATE_TEST_SUITE_P(Codecs, CodecNodesTest,
                         ::testing::Combine(::testing::Values(Codec::kInt8, Codec::kFp8, Codec::kInt4),
                                            ::testing::Values(ElementType::kF32, ElementType::kBf16)),
                         [](const auto& made) {
                           return std::string(name_of(std::get<0>(made.param))) + "_" +
                                  std::string(name_of(std::get<1>(made.param)));
                         });

TEST(CodecsTest, Fp8ElementsAreNotCodedAgain) {
  Shape shape;
  shape.element = ElementType::kF8E4m3;
  const auto node = start_node(Codec::kInt8);
  testing::EngineMemory memory(testing::nhd(shape));
  const auto provider = KVCacheProvider::create(node->core());
  EXPECT_EQ(provider->register_engine(testing::test_model(shape), memory.as_region(), memory.layout()).error(),
            KvError::kBadRequest);
}

}  // namespace
}  // namespace kvp2p
