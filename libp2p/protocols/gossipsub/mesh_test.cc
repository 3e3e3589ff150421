// The mesh, as routers make it among themselves.
#include "libp2p/protocols/gossipsub/mesh.h"

#include "libp2p/protocols/gossipsub/testing/router_net.h"

#include <gtest/gtest.h>

namespace libp2p::gossipsub {
namespace {

using testing::graft_of;
using testing::message;
using testing::peer;
using testing::prune_of;
using testing::RouterNet;
using namespace std::chrono_literals;

const std::string kTopic = "topic";

std::size_t mesh_size(RouterNet& net, std::size_t node) { return net[node].mesh_peers(kTopic).size(); }

TEST(GossipsubMesh, FormsAndStaysWithinItsBounds) {
  RouterNet net(30);
  net.connect_all();
  net.join_all(kTopic);
  for (std::size_t i = 0; i < 30; ++i) EXPECT_GE(mesh_size(net, i), 5u) << i;
  net.heartbeats(10);
  for (std::size_t i = 0; i < 30; ++i) {
    EXPECT_GE(mesh_size(net, i), 5u) << i;
    EXPECT_LE(mesh_size(net, i), 12u) << i;
    // Both sides agree on it.
    for (const auto& other : net[i].mesh_peers(kTopic)) {
      for (std::size_t j = 0; j < 30; ++j) {
        if (peer(static_cast<std::uint8_t>(j)) != other) continue;
        EXPECT_TRUE(net[j].mesh_peers(kTopic).contains(peer(static_cast<std::uint8_t>(i)))) << i << " and " << j;
      }
    }
  }
}

TEST(GossipsubMesh, EqualSeedsAndEventsMakeEqualMeshes) {
  const auto run = [] {
    RouterNet net(20);
    net.connect_all();
    net.join_all(kTopic);
    net.heartbeats(20);
    std::vector<std::set<multiformats::PeerId>> meshes;
    for (std::size_t i = 0; i < 20; ++i) meshes.push_back(net[i].mesh_peers(kTopic));
    return meshes;
  };
  EXPECT_EQ(run(), run());
}

TEST(GossipsubMesh, TooManyArePrunedAndTheBestAndTheDialledStay) {
  RouterNet net(30);
  // Node 0 is dialled by all but two; they all graft it.
  for (std::size_t i = 1; i < 28; ++i) net.connect(i, 0);
  for (std::size_t i = 28; i < 30; ++i) net.connect(0, i);
  net[0].join(kTopic, net.now());
  net.settle();
  for (std::size_t i = 1; i < 30; ++i) net[i].join(kTopic, net.now());
  net.settle();
  // d_high by whoever comes, and those that it has dialled beyond that.
  EXPECT_LE(mesh_size(net, 0), 14u);
  // One that it brings messages of stays.
  const auto best = *net[0].mesh_peers(kTopic).begin();
  for (std::uint8_t i = 1; i < 28; ++i) {
    if (peer(i) != best) continue;
    for (int k = 0; k < 10; ++k) net.publish(i, kTopic, "news " + std::to_string(k));
  }
  net.heartbeats(1);
  EXPECT_LE(mesh_size(net, 0), 12u);
  EXPECT_TRUE(net[0].mesh_peers(kTopic).contains(best));
  net.heartbeats(3);
  EXPECT_TRUE(net[0].mesh_peers(kTopic).contains(peer(28)));
  EXPECT_TRUE(net[0].mesh_peers(kTopic).contains(peer(29)));
}

TEST(GossipsubMesh, AFullOneTakesNobodyThatItHasNotDialled) {
  RouterNet net(20, [](Config& config) { config.mesh.d_high = 6; });
  for (std::size_t i = 1; i < 20; ++i) net.connect(i, 0);
  net.join_all(kTopic);
  EXPECT_EQ(mesh_size(net, 0), 6u);
  for (std::size_t i = 1; i < 20; ++i) {
    if (net[0].mesh_peers(kTopic).contains(peer(static_cast<std::uint8_t>(i)))) continue;
    net.send(i, 0, graft_of(kTopic));
    EXPECT_EQ(mesh_size(net, 0), 6u);
  }
}

TEST(GossipsubMesh, NobodyIsGraftedBeforeTheBackoffIsOver) {
  RouterNet net(2);
  net.connect(0, 1);
  net.join_all(kTopic);
  ASSERT_EQ(mesh_size(net, 0), 1u);
  net.send(1, 0, prune_of(kTopic, 20));
  EXPECT_EQ(mesh_size(net, 0), 0u);
  int grafts = 0;
  net.on_send = [&grafts](std::size_t from, const Send& send) {
    if (from != 0 || send.kind != SendKind::kControl) return;
    grafts += static_cast<int>(parse_rpc(testing::without_length(*send.frame))->control.graft.size());
  };
  net.heartbeats(20);
  EXPECT_EQ(grafts, 0);
  net.heartbeats(3);
  EXPECT_EQ(grafts, 1);
  EXPECT_GE(net[1].score(peer(0)), 0);
}

TEST(GossipsubMesh, AGraftBeforeTheBackoffIsOverIsMisbehaviour) {
  RouterNet net(2);
  net.connect(0, 1);
  net.join_all(kTopic);
  // Node 0 leaves: 10 s of back-off for both.
  net[0].leave(kTopic, net.now());
  net.settle();
  net[0].join(kTopic, net.now());
  net.settle();
  EXPECT_EQ(mesh_size(net, 0), 0u);
  net.set_cut(0, 1, true);
  net.send(1, 0, graft_of(kTopic));
  EXPECT_EQ(mesh_size(net, 0), 0u);
  const double once = net[0].score(peer(1));
  EXPECT_LT(once, 0);
  net.send(1, 0, graft_of(kTopic));
  net.send(1, 0, graft_of(kTopic));
  EXPECT_LT(net[0].score(peer(1)), ScoreThresholds().graylist);
  EXPECT_TRUE(net[0].is_graylisted(peer(1)));
}

TEST(GossipsubMesh, APeersWishForALongBackoffIsBounded) {
  RouterNet net(2, [](Config& config) { config.mesh.backoff_max = 100s; });
  net.connect(0, 1);
  net.join_all(kTopic);
  net.send(1, 0, prune_of(kTopic, std::uint64_t{1} << 62));
  ASSERT_EQ(mesh_size(net, 0), 0u);
  net.heartbeats(99);
  EXPECT_EQ(mesh_size(net, 0), 0u);
  net.heartbeats(5);
  EXPECT_EQ(mesh_size(net, 0), 1u);
}

TEST(GossipsubMesh, AGraftOfAnUnknownTopicIsNotAnswered) {
  RouterNet net(2);
  net.connect(0, 1);
  int sent = 0;
  net.on_send = [&sent](std::size_t, const Send&) { ++sent; };
  net.send(1, 0, graft_of("unknown"));
  EXPECT_EQ(sent, 0);
}

TEST(GossipsubMesh, APeerBelowZeroIsPrunedAndNotGrafted) {
  RouterNet net(2);
  net.connect(0, 1);
  net.join_all(kTopic);
  net[0].malformed(peer(1));
  net.heartbeats(1);
  EXPECT_EQ(mesh_size(net, 0), 0u);
  EXPECT_EQ(mesh_size(net, 1), 0u);
}

TEST(GossipsubMesh, WhoUnsubscribesIsInItNoMore) {
  RouterNet net(3);
  net.connect_all();
  net.join_all(kTopic);
  EXPECT_EQ(mesh_size(net, 0), 2u);
  net[1].leave(kTopic, net.now());
  net.settle();
  EXPECT_EQ(net[0].mesh_peers(kTopic), (std::set<multiformats::PeerId>{peer(2)}));
  EXPECT_EQ(net[0].topic_peers(kTopic), (std::set<multiformats::PeerId>{peer(2)}));
  EXPECT_TRUE(net[1].mesh_peers(kTopic).empty());
}

TEST(GossipsubMesh, BetterPeersAreGraftedWhenItDoesBadly) {
  RouterNet net(12, [](Config& config) {
    // Node 0 chooses its mesh, the others take part.
    const bool chooses = config.seed == 0;
    config.mesh.d = chooses ? 3 : 0;
    config.mesh.d_low = chooses ? 2 : 0;
    config.mesh.d_score = chooses ? 2 : 0;
    config.mesh.d_out = chooses ? 1 : 0;
    config.mesh.opportunistic_graft_interval = 10s;
    config.score.other_topics->time_in_mesh_weight = 0;
  });
  for (std::size_t i = 1; i < 12; ++i) net.connect(0, i);
  net.join_all(kTopic);
  const auto before = net[0].mesh_peers(kTopic);
  // Peers outside the mesh bring it news, in answer to gossip.
  std::set<multiformats::PeerId> good;
  for (std::uint8_t i = 1; i < 12 && good.size() < 2; ++i) {
    if (before.contains(peer(i))) continue;
    good.insert(peer(i));
    for (std::uint64_t k = 0; k < 40; ++k) net.send(i, 0, *message(i, 100 + k, kTopic)->frame);
  }
  ASSERT_EQ(good.size(), 2u);
  ASSERT_GE(net[0].score(*good.begin()), ScoreThresholds().opportunistic_graft);
  net.heartbeats(10);
  for (const auto& each : good) EXPECT_TRUE(net[0].mesh_peers(kTopic).contains(each));
}

TEST(GossipsubMesh, PeersAreSuggestedOnlyIfConfigured) {
  for (const std::size_t suggested : {0u, 8u}) {
    RouterNet net(20, [suggested](Config& config) {
      config.mesh.prune_peers = suggested;
      config.mesh.d_high = 6;
      config.thresholds.accept_px = 0;
    });
    for (std::size_t i = 1; i < 20; ++i) net.connect(i, 0);
    net.join_all(kTopic);
    std::size_t count = 0;
    for (std::size_t i = 1; i < 20; ++i) count += net[i].take_suggested().size();
    EXPECT_EQ(count > 0, suggested > 0);
  }
}

}  // namespace
}  // namespace libp2p::gossipsub
