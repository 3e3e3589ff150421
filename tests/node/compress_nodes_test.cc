// Nodes on loopback that compress what travels, and nodes that do not: what arrives is the same.
#include "provider/testing/test_engine.h"

#include <gtest/gtest.h>

#include <map>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using testing::in;
using testing::Shape;

constexpr std::size_t kBlocks = 64;

/// 16 KiB a layer slice, 64 KiB a block, 4 MiB in all: enough to be measured.
Shape test_shape(Codec codec = Codec::kNone) {
  Shape shape;
  shape.layers = 4;
  shape.heads = 2;
  shape.head_dim = 128;
  shape.engine_blocks = kBlocks;
  shape.element = ElementType::kBf16;
  shape.codec = codec;
  return shape;
}

struct Engine {
  Engine(PackMode compress, const ModelSpec& spec, const Shape& shape)
      : node(start(compress)), memory(node->core(), testing::hnd(shape), spec) {}
  static std::unique_ptr<Node> start(PackMode compress) {
    NodeConfig config = testing::test_node_config();
    config.compress = compress;
    config.direct = false;
    config.fetch_policy = FetchPolicy::kAlways;
    return Node::start(std::move(config)).value();
  }
  std::map<std::string, std::uint64_t> counters() const {
    std::map<std::string, std::uint64_t> by_name;
    for (const auto& [name, value] : node->core().stats().counters) by_name[name] = value;
    return by_name;
  }

  std::unique_ptr<Node> node;
  testing::TestEngine memory;
};

class CompressNodesTest : public ::testing::Test {
 protected:
  std::vector<BlockKey> keys(std::uint32_t seed) const {
    return keys_from_tokens(fingerprint_of(model_), testing::test_tokens(kBlocks, seed));
  }
  /// What `to` gets of the blocks that `from` has published; the report of how it came.
  TransferReport fetch(Engine& to, const std::vector<BlockKey>& wanted) const {
    KvCore& core = to.memory.core();
    MatchRequest ask;
    ask.fingerprint = to.memory.fingerprint();
    ask.keys = wanted;
    ask.shards = {to.memory.format()};
    ask.deadline = in(20s);
    to.memory.poison();
    const MatchId match = core.match(ask);
    EXPECT_EQ(core.wait_match(match, in(20s)).value().blocks, kBlocks);
    GetRequest get;
    get.match = match;
    get.region = to.memory.region();
    for (Slot slot = 0; slot < kBlocks; ++slot) get.slots.push_back(slot);
    get.deadline = in(20s);
    const TransferId transfer = core.get(get).value();
    EXPECT_EQ(core.wait_transfer(transfer, in(20s)).value().good_blocks, kBlocks);
    const TransferReport report = core.transfer_report(transfer).value();
    for (Slot slot = 0; slot < kBlocks; ++slot) {
      const bool coded = shape_.codec != Codec::kNone;
      EXPECT_TRUE(coded ? to.memory.holds_decoded(wanted[slot], slot) : to.memory.holds(wanted[slot], slot)) << slot;
    }
    EXPECT_EQ(report.bytes_from_peers, kBlocks * to.memory.format().block_bytes());
    core.release(transfer);
    core.release(match);
    return report;
  }
  void publish(Engine& engine, const std::vector<BlockKey>& all) const {
    for (Slot slot = 0; slot < kBlocks; ++slot) engine.memory.compute(all[slot], slot);
    testing::publish(engine.memory, all, kBlocks);
  }

  Shape shape_ = test_shape();
  ModelSpec model_ = testing::test_model(shape_);
};

TEST_F(CompressNodesTest, BothDirectionsCarryLess) {
  Engine a(PackMode::kOn, model_, shape_), b(PackMode::kOn, model_, shape_);
  testing::connect(*a.node, *b.node);
  publish(a, keys(1));
  publish(b, keys(2));
  const TransferReport to_b = fetch(b, keys(1));
  const TransferReport to_a = fetch(a, keys(2));
  for (const TransferReport& report : {to_b, to_a}) {
    EXPECT_LT(report.wire_bytes_from_peers * 10, report.bytes_from_peers * 9);
  }
  const auto at_a = a.counters(), at_b = b.counters();
  EXPECT_EQ(at_b.at("wire_bytes_received"), to_b.wire_bytes_from_peers);
  EXPECT_EQ(at_b.at("bytes_received"), to_b.bytes_from_peers);
  EXPECT_EQ(at_a.at("wire_bytes_received"), to_a.wire_bytes_from_peers);
  EXPECT_EQ(at_a.at("bytes_received"), to_a.bytes_from_peers);
}

TEST_F(CompressNodesTest, WhoDoesNotIsServedAsBefore) {
  for (const auto& [holder_mode, asker_mode] :
       {std::pair{PackMode::kOff, PackMode::kOn}, std::pair{PackMode::kOn, PackMode::kOff},
        std::pair{PackMode::kOff, PackMode::kOff}}) {
    Engine holder(holder_mode, model_, shape_), asker(asker_mode, model_, shape_);
    testing::connect(*holder.node, *asker.node);
    publish(holder, keys(1));
    const TransferReport report = fetch(asker, keys(1));
    EXPECT_EQ(report.wire_bytes_from_peers, report.bytes_from_peers);
  }
}

TEST_F(CompressNodesTest, AutoBeginsWithoutAndIsAlwaysRight) {
  Engine holder(PackMode::kAuto, model_, shape_), asker(PackMode::kAuto, model_, shape_);
  testing::connect(*holder.node, *asker.node);
  publish(holder, keys(1));
  const TransferReport first = fetch(asker, keys(1));
  EXPECT_EQ(first.wire_bytes_from_peers, first.bytes_from_peers) << "nothing was measured yet";
  for (int i = 0; i < 4; ++i) fetch(asker, keys(1));
}

TEST_F(CompressNodesTest, CodedBlocksTooAreCarriedAsTheyAre) {
  shape_ = test_shape(Codec::kInt8);
  model_ = testing::test_model(shape_);
  Engine holder(PackMode::kOn, model_, shape_), asker(PackMode::kOn, model_, shape_);
  testing::connect(*holder.node, *asker.node);
  publish(holder, keys(1));
  const TransferReport report = fetch(asker, keys(1));
  EXPECT_LE(report.wire_bytes_from_peers, report.bytes_from_peers);
}

}  // namespace
}  // namespace kvp2p
