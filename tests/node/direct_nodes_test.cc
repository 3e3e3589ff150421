// Nodes of one host read each other's offered blocks in place, and survive each other's death. The test starts itself
// again as the other process.
#include "base/child_process.h"
#include "cache/lease_table.h"
#include "provider/kv_cache_provider.h"
#include "provider/testing/test_engine.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <iostream>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using testing::in;
using testing::Shape;
using testing::TestEngine;

constexpr std::size_t kBlocks = 20;
constexpr char kDirect[] = "direct, shared host memory";

Shape test_shape() {
  Shape shape;
  shape.layers = 4;
  shape.head_dim = 64;
  shape.engine_blocks = 24;
  return shape;
}

std::unique_ptr<Node> start_node(bool direct = true) {
  NodeConfig config = testing::test_node_config();
  config.direct = direct;
  return Node::start(std::move(config)).value();
}

/// A node with an engine in shared memory.
struct Party {
  explicit Party(testing::NamedLayout layout, bool direct = true)
      : node(start_node(direct)), engine(node->core(), std::move(layout), testing::test_model(test_shape()), true) {}

  OfferId offer() {
    PutRequest request;
    request.fingerprint = engine.fingerprint();
    request.region = engine.region();
    for (Slot slot = 0; slot < kBlocks; ++slot) {
      engine.compute(keys[slot], slot);
      request.keys.push_back(keys[slot]);
      request.slots.push_back(slot);
    }
    const OfferId offer = node->core().offer(std::move(request)).value();
    testing::run_on_node(*node, [] {});
    return offer;
  }

  struct Fetched {
    std::size_t blocks = 0;
    TransferReport report;
  };
  /// All blocks that others have of the prompt; checks each that counts.
  Fetched fetch() {
    engine.poison();
    MatchRequest request;
    request.fingerprint = engine.fingerprint();
    request.keys = keys;
    request.shards = {engine.format()};
    request.deadline = in(5s);
    KvCore& core = node->core();
    const MatchId match = core.match(std::move(request));
    Fetched fetched;
    const std::size_t found = core.wait_match(match, in(5s))->blocks;
    if (found > 0) {
      GetRequest get;
      get.match = match;
      get.region = engine.region();
      for (Slot slot = 0; slot < found; ++slot) get.slots.push_back(slot);
      get.deadline = in(5s);
      if (auto transfer = core.get(std::move(get))) {
        fetched.blocks = core.wait_transfer(*transfer, in(5s))->good_blocks;
        fetched.report = *core.transfer_report(*transfer);
        core.release(*transfer);
      }
    }
    core.release(match);
    for (Slot slot = 0; slot < fetched.blocks; ++slot) EXPECT_TRUE(engine.holds(keys[slot], slot)) << slot;
    return fetched;
  }
  /// Until the peer's memory is open here, which takes a moment after hello.
  bool fetches_directly() {
    for (const auto deadline = in(30s); std::chrono::steady_clock::now() < deadline;) {
      const Fetched fetched = fetch();
      if (fetched.blocks == kBlocks && fetched.report.path == kDirect) return true;
    }
    return false;
  }
  std::uint64_t counter(const std::string& name) const {
    for (const auto& [known, value] : node->core().stats().counters) {
      if (known == name) return value;
    }
    return 0;
  }

  std::unique_ptr<Node> node;
  TestEngine engine;
  const std::vector<BlockKey> keys = keys_from_tokens(engine.fingerprint(), testing::test_tokens(kBlocks));
};

/// Waits for what another process's death sets going.
template <class Condition>
bool eventually(Condition condition, base::Duration patience = 30s) {
  for (const auto deadline = in(patience); std::chrono::steady_clock::now() < deadline;) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST(DirectNodesTest, OfferedBlocksAreReadInPlaceInAnotherLayout) {
  Party owner(testing::nhd(test_shape()));
  Party reader(testing::hnd(test_shape()));
  testing::connect(*owner.node, *reader.node);
  const OfferId offer = owner.offer();
  ASSERT_TRUE(reader.fetches_directly());
  EXPECT_GT(reader.counter("direct_bytes"), 0u);

  owner.node->core().revoke(offer);
  ASSERT_TRUE(owner.node->core().wait_unleased(offer, in(5s)));
  owner.engine.poison();
  EXPECT_EQ(reader.fetch().blocks, 0u);
}

TEST(DirectNodesTest, NodeWithTheDirectPathOffSaysSo) {
  Party owner(testing::nhd(test_shape()), false);
  Party reader(testing::hnd(test_shape()));
  testing::connect(*owner.node, *reader.node);
  owner.offer();
  auto fetched = reader.fetch();
  EXPECT_EQ(fetched.blocks, kBlocks);
  EXPECT_EQ(fetched.report.path.find("staged: "), 0u) << fetched.report.path;
  Party off(testing::hnd(test_shape()), false);
  testing::connect(*owner.node, *off.node);
  EXPECT_EQ(off.fetch().report.path, "staged: the direct path is off");
}

TEST(DirectNodesTest, KilledOwnersLeaveTheReaderHealthy) {
  Party reader(testing::hnd(test_shape()));
  std::size_t descriptors = 0;
  for (int round = 0; round < 20; ++round) {
    auto owner = base::ChildProcess::start_self({"--owner"});
    ASSERT_TRUE(owner);
    std::optional<std::string> address;
    do address = owner->read_line();
    while (address && !address->starts_with("/ip4/"));
    ASSERT_TRUE(address);
    ASSERT_TRUE(reader.node->connect(*multiformats::Multiaddr::from_text(*address), 20s));
    ASSERT_TRUE(reader.fetches_directly()) << round;
    std::thread killer([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(200 * round));
      ::kill(owner->pid(), SIGKILL);
    });
    // What counts is right (fetch() checks it), and when the owner has gone nothing comes any more.
    EXPECT_TRUE(eventually([&] { return reader.fetch().blocks == 0; }));
    killer.join();
    owner->wait();
    EXPECT_TRUE(eventually([&] { return reader.counter("peers") == 0; }));
    if (round == 2) descriptors = open_descriptors();
  }
  EXPECT_TRUE(eventually([&] { return open_descriptors() <= descriptors; })) << open_descriptors() << descriptors;
  EXPECT_GT(reader.counter("direct_transfers"), 0u);
}

TEST(DirectNodesTest, KilledReadersLeaveNothingAtTheOwner) {
  Party owner(testing::nhd(test_shape()));
  const OfferId offer = owner.offer();
  std::size_t descriptors = 0;
  for (int round = 0; round < 20; ++round) {
    auto reader = base::ChildProcess::start_self({"--reader", owner.node->addresses().front().to_text()});
    ASSERT_TRUE(reader);
    // It reads directly, again and again, from now on.
    // Beside its log.
    std::optional<std::string> path;
    do path = reader->read_line();
    while (path && *path != "direct" && *path != "staged");
    ASSERT_TRUE(path) << round;
    ASSERT_EQ(*path, "direct") << round;
    std::this_thread::sleep_for(std::chrono::microseconds(200 * round));
    ::kill(reader->pid(), SIGKILL);
    reader->wait();
    EXPECT_TRUE(eventually([&] { return owner.counter("peers") == 0; }));
    if (round == 2) descriptors = open_descriptors();
  }
  EXPECT_TRUE(eventually([&] { return open_descriptors() <= descriptors; })) << open_descriptors() << descriptors;
  // Those of the dead end by themselves, after the longest time that a lease is given.
  EXPECT_TRUE(eventually([&] { return testing::leases_of(*owner.node) == 0; }, 2 * kLeaseTimeMax));
  owner.node->core().revoke(offer);
  EXPECT_TRUE(owner.node->core().wait_unleased(offer, in(5s)));
}

int run_owner() {
  Party owner(testing::nhd(test_shape()));
  owner.offer();
  std::cout << owner.node->addresses().front().to_text() << std::endl;
  for (;;) std::this_thread::sleep_for(1s);
}

int run_reader(const char* address) {
  Party reader(testing::hnd(test_shape()));
  if (!reader.node->connect(*multiformats::Multiaddr::from_text(address), 20s)) return 1;
  std::cout << (reader.fetches_directly() ? "direct" : "staged") << std::endl;
  for (;;) reader.fetch();
}

}  // namespace
}  // namespace kvp2p

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--owner") return kvp2p::run_owner();
  if (argc == 3 && std::string(argv[1]) == "--reader") return kvp2p::run_reader(argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
