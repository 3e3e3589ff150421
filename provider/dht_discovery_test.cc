#include "provider/dht_discovery.h"

#include "libp2p/protocols/kad/testing/kad_fixture.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

const base::Bytes kClusterKey(32, 1);

Fingerprint model(std::uint8_t number) {
  Fingerprint fingerprint;
  fingerprint.bytes[0] = number;
  return fingerprint;
}

BlockKey prompt(std::uint8_t number) {
  BlockKey first;
  first.bytes[0] = number;
  return first;
}

/// Hosts on a network in memory, with a DhtDiscovery each.
class DhtDiscoveryTest : public libp2p::kad::testing::KadFixture {
 protected:
  void TearDown() override {
    for (auto& each : discoveries_) run(each->close());
    discoveries_.clear();
    KadFixture::TearDown();
  }
  /// One that knows the first node's address alone.
  Node& add(const base::Bytes& cluster_key = kClusterKey) {
    Node& node = add_plain();
    DhtDiscoveryConfig config{.mode = libp2p::kad::Mode::kServer, .cluster_key = cluster_key};
    if (nodes_.size() > 1) config.bootstrap_peers = {nodes_[0]->full_address()};
    discoveries_.push_back(DhtDiscovery::start(io_.get_executor(), clock_, *node.host, config).value());
    return node;
  }
  DhtDiscovery& of(std::size_t node) { return *discoveries_[node]; }
  /// Nothing but the DHT's own traffic keeps them connected.
  void disconnect_all() {
    for (auto& a : nodes_) {
      for (const auto& peer : a->host->peers()) a->host->disconnect(peer);
    }
    poll();
  }
  bool are_connected(std::size_t a, std::size_t b) {
    const auto peers = nodes_[a]->host->peers();
    return std::find(peers.begin(), peers.end(), nodes_[b]->id()) != peers.end();
  }

  std::vector<std::unique_ptr<DhtDiscovery>> discoveries_;
};

TEST_F(DhtDiscoveryTest, NodesOfOneModelFindEachOtherByOneAddress) {
  for (int i = 0; i < 5; ++i) add();
  for (std::size_t i = 1; i < 5; ++i) of(i).add_model(model(1));
  pass(2min);
  for (std::size_t a = 1; a < 5; ++a) {
    for (std::size_t b = 1; b < a; ++b) EXPECT_TRUE(are_connected(a, b)) << a << " " << b;
  }
}

TEST_F(DhtDiscoveryTest, OneThatComesLaterIsFoundAndFinds) {
  for (int i = 0; i < 3; ++i) add();
  of(1).add_model(model(1));
  pass(3min);
  disconnect_all();
  add();
  of(3).add_model(model(1));
  of(3).add_model(model(1));
  pass(10s);
  EXPECT_TRUE(are_connected(1, 3));
}

TEST_F(DhtDiscoveryTest, HoldersOfAPromptAreMetWhenSomebodyAsksForIt) {
  for (int i = 0; i < 4; ++i) add();
  of(1).prefix_asked(prompt(1), PrefixAt::kNowhere);
  of(1).block_stored(prompt(1));
  of(1).block_stored(prompt(2));  // no prompt begins with it
  pass(1min);
  EXPECT_EQ(of(0).kademlia().stats().providers, 1u);
  disconnect_all();
  of(3).prefix_asked(prompt(1), PrefixAt::kNowhere);
  pass(5s);
  EXPECT_TRUE(are_connected(1, 3));
}

TEST(DhtPrefixKeyTest, PromptsAndModelsHaveNoKeyInCommon) {
  EXPECT_EQ(dht_prefix_key(kClusterKey, prompt(1)), dht_prefix_key(kClusterKey, prompt(1)));
  EXPECT_NE(dht_prefix_key(kClusterKey, prompt(1)), dht_prefix_key(kClusterKey, prompt(2)));
  EXPECT_NE(dht_prefix_key(kClusterKey, prompt(1)), dht_prefix_key({}, prompt(1)));
  EXPECT_NE(dht_prefix_key(kClusterKey, prompt(1)), dht_model_key(kClusterKey, model(1)));
}

TEST(DhtModelKeyTest, OtherModelsAndOtherClustersHaveOtherKeys) {
  const base::Bytes key = dht_model_key(kClusterKey, model(1));
  EXPECT_EQ(key, dht_model_key(kClusterKey, model(1)));
  EXPECT_NE(key, dht_model_key(kClusterKey, model(2)));
  EXPECT_NE(key, dht_model_key(base::Bytes(32, 2), model(1)));
  EXPECT_NE(key, dht_model_key({}, model(1)));
}

TEST_F(DhtDiscoveryTest, AloneItWaitsAndStops) {
  add();
  of(0).add_model(model(1));
  pass(10min);
  of(0).stop();
  run(of(0).close());
  EXPECT_TRUE(nodes_[0]->host->peers().empty());
}

}  // namespace
}  // namespace kvp2p
