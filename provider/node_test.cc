#include "provider/node.h"

#include "gpu/error.h"
#include "libp2p/core/error.h"
#include "multiformats/errors.h"
#include "provider/cluster_key.h"
#include "provider/error.h"
#include "provider/host_key_lock.h"
#include "provider/testing/test_engine.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class ConfigDirTest : public ::testing::Test {
 protected:
  ConfigDirTest() {
    std::string pattern = (fs::temp_directory_path() / "kvp2p-node-test-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
  }
  ~ConfigDirTest() override { fs::remove_all(dir_); }

  NodeConfig config() const {
    NodeConfig config = testing::test_node_config();
    config.config_dir = dir_ / "config";
    config.ephemeral_identity = false;
    config.cluster_key.clear();
    return config;
  }
  static mode_t mode_of(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
  }

  fs::path dir_;
};

TEST_F(ConfigDirTest, KeysAreMadeAtFirstStartAndKept) {
  multiformats::PeerId first;
  {
    auto node = Node::start(config());
    ASSERT_TRUE(node) << node.error().message();
    first = (*node)->peer_id();
  }
  EXPECT_EQ(mode_of(dir_ / "config"), 0700u);
  EXPECT_EQ(mode_of(dir_ / "config" / "host.key"), 0600u);
  EXPECT_EQ(mode_of(dir_ / "config" / "cluster.key"), 0600u);
  auto again = Node::start(config());
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->peer_id(), first);
}

TEST_F(ConfigDirTest, TwoNodesOfOneUserFindEachOthersClusterKey) {
  auto a = Node::start(config()), b = Node::start(config());
  ASSERT_TRUE(a && b);
  EXPECT_NE((*a)->peer_id(), (*b)->peer_id()) << "the second takes a host key of its own";
  EXPECT_TRUE(fs::exists(dir_ / "config" / "host-2.key"));
  testing::connect(**a, **b);
  EXPECT_EQ((*b)->peers().size(), 1u);
  EXPECT_EQ((*b)->peers()[0].id, (*a)->peer_id());
  EXPECT_FALSE((*b)->peers()[0].address.empty());
}

TEST_F(ConfigDirTest, KeyFilesThatOthersMayReadAreRefused) {
  Node::start(config()).value();
  ::chmod((dir_ / "config" / "cluster.key").c_str(), 0644);
  EXPECT_EQ(Node::start(config()).error(), NodeError::kClusterKeyFileReadableByOthers);
  ::chmod((dir_ / "config" / "cluster.key").c_str(), 0600);
  std::ofstream(dir_ / "config" / "cluster.key") << "not a key";
  EXPECT_EQ(Node::start(config()).error(), NodeError::kClusterKeyFileBad);
  fs::remove(dir_ / "config" / "cluster.key");
  fs::create_directory(dir_ / "config" / "cluster.key");
  EXPECT_EQ(Node::start(config()).error(), NodeError::kClusterKeyFileBad);
}

TEST_F(ConfigDirTest, OneFileForAllWhoStartTogether) {
  std::vector<std::thread> threads;
  std::vector<base::Bytes> keys(8);
  for (auto& key : keys) {
    threads.emplace_back([&] { key = load_or_create_cluster_key(dir_ / "new" / "cluster.key").value(); });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& key : keys) EXPECT_EQ(key, keys[0]);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_ / "new"), fs::directory_iterator()), 1) << "nothing is left over";
}

TEST_F(ConfigDirTest, HostKeyIsFreeAgainWhenItsNodeHasGone) {
  auto first = HostKeyLock::acquire(dir_);
  ASSERT_TRUE(first);
  const auto key = first->key().public_key();
  EXPECT_NE(HostKeyLock::acquire(dir_)->key().public_key().to_protobuf(), key.to_protobuf());
  { const HostKeyLock moved = std::move(*first); }
  EXPECT_EQ(HostKeyLock::acquire(dir_)->key().public_key().to_protobuf(), key.to_protobuf());
}

TEST(ClusterKeyTest, Is64HexDigits) {
  const std::string digits = std::string(60, '0') + "aBcD";
  EXPECT_EQ(parse_cluster_key(digits)->back(), 0xcd);
  EXPECT_TRUE(parse_cluster_key("  " + digits + "\n"));
  for (const std::string& bad : {std::string(), std::string("\n"), digits + "0", digits.substr(1),
                                 digits.substr(1) + "g", digits.substr(0, 32) + " " + digits.substr(33)}) {
    EXPECT_EQ(parse_cluster_key(bad).error(), NodeError::kBadClusterKey) << bad;
  }
}

TEST(NodeTest, BadConfigurationsSayWhatIsWrong) {
  const auto error_of = [](auto change) {
    NodeConfig config = testing::test_node_config();
    change(config);
    auto node = Node::start(std::move(config));
    return node ? base::Error() : node.error();
  };
  EXPECT_EQ(error_of([](NodeConfig& c) { c.cluster_key = "secret"; }), NodeError::kBadClusterKey);
  EXPECT_EQ(error_of([](NodeConfig& c) { c.device = "cuda:0"; }), GpuError::kUnknownDevice);
  EXPECT_EQ(error_of([](NodeConfig& c) { c.staging_slots = 0; }), NodeError::kBadStaging);
  EXPECT_EQ(error_of([](NodeConfig& c) { c.staging_slot_bytes = 100; }), NodeError::kBadStaging);
  EXPECT_EQ(error_of([](NodeConfig& c) { c.staging_slot_bytes = SIZE_MAX - 4095; }), NodeError::kBadStaging);
  EXPECT_EQ(error_of([](NodeConfig& c) {
              c.ephemeral_identity = false;
              c.config_dir = "/proc/no-such-place";
            }),
            multiformats::Errc::kKeyFileUnwritable);
}

TEST(NodeTest, PortInUseIsAnErrorAndEverythingIsClosed) {
  auto node = testing::start_test_node();
  NodeConfig config = testing::test_node_config();
  config.listen_addresses = {node->addresses().front().without_peer()};
  EXPECT_FALSE(Node::start(std::move(config)));
}

TEST(NodeTest, StopIsBoundedIdempotentAndEndsWaits) {
  auto node = testing::start_test_node();
  std::thread waiter([&] { EXPECT_FALSE(node->wait_for_peers(1, std::chrono::hours(1))); });
  std::thread other([&] { node->stop(); });
  node->stop();
  waiter.join();
  other.join();
  EXPECT_TRUE(node->addresses().empty());
  EXPECT_TRUE(node->peers().empty());
  EXPECT_EQ(node->connect(*multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/1"), 1s).error(),
            NodeError::kStopped);
  MatchRequest request;
  request.keys.resize(1);
  EXPECT_FALSE(node->core().wait_match(node->core().match(request), testing::in(1s))->pending);
  EXPECT_FALSE(node->core().stats().counters.empty());
}

TEST(NodeTest, NobodyThereIsAnError) {
  auto node = testing::start_test_node();
  std::string gone;
  {
    auto other = testing::start_test_node();
    gone = other->addresses().front().to_text();
  }
  EXPECT_FALSE(node->connect(*multiformats::Multiaddr::from_text(gone), 10s));
  EXPECT_FALSE(node->wait_for_peers(1, 1ms));
}

TEST(NodeTest, AnotherClusterKeyIsNoPeer) {
  auto node = testing::start_test_node();
  NodeConfig config = testing::test_node_config();
  config.cluster_key = std::string(64, 'b');
  auto stranger = Node::start(std::move(config)).value();
  const auto refused = stranger->connect(node->addresses().front(), 500ms);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), NodeError::kNoHello);
  EXPECT_TRUE(node->peers().empty());
}

TEST(NodeTest, NodesOfAPrivateNetworkShareItsKey) {
  NodeConfig config = testing::test_node_config();
  config.network_key = libp2p::pnet::PreSharedKey({1, 2, 3});
  auto node = Node::start(config).value();
  auto member = Node::start(config).value();
  testing::connect(*node, *member);
  auto stranger = testing::start_test_node();
  EXPECT_FALSE(stranger->connect(node->addresses().front(), 10s));
  config.network_key = libp2p::pnet::PreSharedKey({4, 5, 6});
  auto of_another = Node::start(config).value();
  EXPECT_EQ(of_another->connect(node->addresses().front(), 10s).error(), libp2p::Error::kNotInPrivateNetwork);
  EXPECT_EQ(node->peers().size(), 1u);
}

TEST(NodeTest, BootstrapPeerIsDialledAgainWhenItComesBack) {
  auto node = testing::start_test_node();
  const multiformats::Multiaddr address = node->addresses().front().without_peer();
  NodeConfig config = testing::test_node_config();
  config.bootstrap_peers = {address};
  auto client = Node::start(std::move(config)).value();
  ASSERT_TRUE(client->wait_for_peers(1, 20s));
  node.reset();
  NodeConfig same_port = testing::test_node_config();
  same_port.listen_addresses = {address};
  auto back = Node::start(std::move(same_port));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_TRUE((*back)->wait_for_peers(1, 30s));
}

TEST(NodeTest, NodesOfOneModelFindEachOtherByOneAddressAndTheDht) {
  constexpr std::size_t kNodes = 5;
  std::vector<std::unique_ptr<Node>> nodes;
  for (std::size_t i = 0; i < kNodes; ++i) {
    NodeConfig config = testing::test_node_config();
    config.dht = DhtMode::kServer;
    config.rendezvous_name.clear();
    if (i > 0) config.bootstrap_peers = {nodes[0]->addresses().front()};
    nodes.push_back(Node::start(std::move(config)).value());
  }
  for (auto& node : nodes) node->core().register_model(testing::test_model(testing::Shape{}));
  for (auto& node : nodes) EXPECT_TRUE(node->wait_for_peers(kNodes - 1, 60s));
}

TEST(NodeTest, ManyStartAndStop) {
  for (int i = 0; i < 10; ++i) {
    auto a = testing::start_test_node(), b = testing::start_test_node();
    testing::connect(*a, *b);
    if (i % 2 == 0) a.reset();
  }
}

}  // namespace
}  // namespace kvp2p
