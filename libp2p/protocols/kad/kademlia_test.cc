// Whole nodes: hosts, streams, time.
#include "libp2p/protocols/kad/kademlia.h"

#include "libp2p/protocols/kad/testing/kad_fixture.h"
#include "libp2p/protocols/kad/testing/kad_net.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace libp2p::kad {
namespace {

using namespace std::chrono_literals;
using testing::bytes;

/// Longer values are better.
void add_text(Config& config) {
  config.validators["t"] = {[](base::ConstBytes, base::ConstBytes) { return true; },
                            [](base::ConstBytes, std::span<const base::Bytes> values) {
                              const auto is_shorter = [](const auto& a, const auto& b) { return a.size() < b.size(); };
                              const auto best = std::max_element(values.begin(), values.end(), is_shorter);
                              return static_cast<std::size_t>(best - values.begin());
                            }};
}

class KademliaTest : public testing::KadFixture {
 protected:
  std::vector<multiformats::PeerId> ids(const std::vector<PeerEntry>& peers) { return testing::ids(peers); }
  bool serves(const Node& node, const Node& seen_by) {
    const auto info = seen_by.host->peer_info(node.id());
    return info && std::find(info->protocols.begin(), info->protocols.end(), kOwnProtocol) != info->protocols.end();
  }
};

TEST_F(KademliaTest, ByOneAddressAllFindEachOther) {
  add_nodes(12);
  for (auto& node : nodes_) EXPECT_EQ(node->kad->table().size(), 11u);
  const auto closest = finish(nodes_[3]->kad->find_closest(bytes("key"))).value();
  EXPECT_EQ(closest.size(), 11u);
  const auto found = finish(nodes_[5]->kad->find_peer(nodes_[9]->id())).value();
  EXPECT_EQ(found.id, nodes_[9]->id());
  EXPECT_EQ(found.addresses, std::vector{nodes_[9]->address});
}

TEST_F(KademliaTest, WhatOneProvidesAnotherFindsAndDials) {
  add_nodes(8);
  const base::Bytes key = provider_key(base::as_bytes("model"));
  EXPECT_EQ(finish(nodes_[2]->kad->provide(key)).value(), 7u);
  EXPECT_EQ(finish(nodes_[3]->kad->provide(key)).value(), 7u);
  // One that has come later knows one address.
  Node& late = add_node(Mode::kClient);
  ASSERT_TRUE(late.kad->add_address(nodes_[7]->full_address()));
  pass(1s);
  const auto providers = finish(late.kad->find_providers(key, 10)).value();
  EXPECT_EQ(providers.size(), 2u);
  for (const PeerEntry& each : providers) {
    EXPECT_TRUE(finish(late.host->connect(each.id, each.addresses)));
    EXPECT_TRUE(each.id == nodes_[2]->id() || each.id == nodes_[3]->id());
  }
  EXPECT_TRUE(finish(late.kad->find_providers(provider_key(base::as_bytes("other")), 10)).value().empty());
}

TEST_F(KademliaTest, ValuesArePutAndGot) {
  add_nodes(8, add_text);
  EXPECT_EQ(finish(nodes_[1]->kad->put_value(bytes("/t/a"), bytes("value"))).value(), 7u);
  EXPECT_EQ(finish(nodes_[6]->kad->get_value(bytes("/t/a"))).value(), bytes("value"));
  EXPECT_EQ(finish(nodes_[6]->kad->get_value(bytes("/t/b"))).error(), Errc::kNotFound);
  EXPECT_EQ(finish(nodes_[6]->kad->get_value(bytes("/u/b"))).error(), Errc::kNoValidator);
  EXPECT_EQ(finish(nodes_[6]->kad->put_value(bytes("/t/a"), bytes("v"))).error(), Errc::kInvalidValue);
}

TEST_F(KademliaTest, ClientsAreInNoTableButAreFound) {
  add_nodes(5);
  Node& client = add_node(Mode::kClient);
  ASSERT_TRUE(client.kad->add_address(nodes_[0]->full_address()));
  pass(1min);
  EXPECT_EQ(client.kad->table().size(), 5u);
  EXPECT_FALSE(client.kad->is_server());
  for (std::size_t i = 0; i < 5; ++i) EXPECT_FALSE(nodes_[i]->kad->table().find(client.id()));
  client.host->disconnect(nodes_[4]->id());
  poll();
  const auto found = finish(nodes_[4]->kad->find_peer(client.id())).value();
  EXPECT_EQ(found.addresses, std::vector{client.address});
  // Nobody is told to ask it.
  EXPECT_EQ(finish(nodes_[4]->kad->find_closest(bytes("key"))).value().size(), 4u);
}

TEST_F(KademliaTest, AnAutomaticNodeServesOnceSomebodyHasConnectedToIt) {
  Node& a = add_node(Mode::kAutomatic);
  Node& b = add_node(Mode::kServer);
  connect(a, b);
  EXPECT_FALSE(a.kad->is_server());
  EXPECT_FALSE(b.kad->table().find(a.id()));
  Node& c = add_node(Mode::kServer);
  connect(c, a);
  EXPECT_TRUE(a.kad->is_server());
  pass(1s);
  EXPECT_TRUE(serves(a, b));
  EXPECT_TRUE(b.kad->table().find(a.id()));
  EXPECT_TRUE(c.kad->table().find(a.id()));
}

TEST_F(KademliaTest, WhoServesNoMoreLeavesTheTables) {
  add_nodes(3);
  EXPECT_TRUE(nodes_[0]->kad->table().find(nodes_[1]->id()));
  nodes_[1]->kad->set_mode(Mode::kClient);
  pass(1s);
  EXPECT_FALSE(nodes_[0]->kad->table().find(nodes_[1]->id()));
  nodes_[1]->kad->set_mode(Mode::kServer);
  pass(1s);
  EXPECT_TRUE(nodes_[0]->kad->table().find(nodes_[1]->id()));
}

TEST_F(KademliaTest, NodesOfDifferentNetworksDoNotMix) {
  Node& ours = add_node();
  Node& ipfs = add_node(Mode::kServer, [](Config& config) { config.protocol = kIpfsProtocol; });
  connect(ours, ipfs);
  pass(1s);
  EXPECT_EQ(ours.kad->table().size(), 0u);
  EXPECT_EQ(ipfs.kad->table().size(), 0u);
  EXPECT_EQ(finish(ours.kad->find_closest(bytes("key"))).error(), Errc::kNoPeers);
}

TEST_F(KademliaTest, PeersThatWereConnectedBeforeAreKnown) {
  Node& a = add_node();
  Node& b = add_plain();
  connect(b, a);
  b.kad = Kademlia::create(io_.get_executor(), clock_, *b.host, {.mode = Mode::kServer}).value();
  pass(1s);
  EXPECT_TRUE(b.kad->table().find(a.id()));
  EXPECT_TRUE(a.kad->table().find(b.id()));
}

TEST_F(KademliaTest, DeadNodesAreForgottenAndLookUpsGoOn) {
  add_nodes(10);
  const base::Bytes key = provider_key(base::as_bytes("model"));
  finish(nodes_[9]->kad->provide(key)).value();
  for (std::size_t i = 1; i < 6; ++i) {
    run(nodes_[i]->kad->close());
    run(nodes_[i]->host->close());
  }
  const auto providers = finish(nodes_[7]->kad->find_providers(key, 5)).value();
  EXPECT_EQ(ids(providers), std::vector{nodes_[9]->id()});
  pass(25min);
  EXPECT_EQ(nodes_[7]->kad->table().size(), 4u);
}

TEST_F(KademliaTest, QueriesEndWhenItIsClosed) {
  add_nodes(3);
  std::optional<base::Result<std::vector<PeerEntry>>> result;
  Kademlia& kad = *nodes_[1]->kad;
  // One that accepts and says nothing.
  Node& mute = add_plain();
  std::vector<std::unique_ptr<Stream>> kept;
  mute.host->set_stream_handler(kOwnProtocol, [&kept](std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
    kept.push_back(std::move(stream));
    return []() -> base::Task<> { co_return; }();
  });
  connect(*nodes_[1], mute);
  const auto store = [](base::Task<base::Result<std::vector<PeerEntry>>> task, auto& into) -> base::Task<> {
    into.emplace(co_await std::move(task));
  };
  base::spawn(io_.get_executor(), store(kad.find_closest(bytes("key")), result));
  poll();
  EXPECT_FALSE(result);
  run(kad.close());
  poll();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->error(), Errc::kClosed);
  EXPECT_EQ(finish(kad.find_closest(bytes("key"))).error(), Errc::kClosed);
  run(kad.close());
}

TEST_F(KademliaTest, BadConfigurationsAndAddressesAreRefused) {
  Node& node = add_node();
  EXPECT_EQ(node.kad->add_address(address("/ip4/10.0.0.1/tcp/1")).error(), Errc::kBadKey);
  Config bad;
  bad.params.k = 0;
  EXPECT_EQ(Kademlia::create(io_.get_executor(), clock_, *node.host, bad).error(), Errc::kBadConfig);
}

}  // namespace
}  // namespace libp2p::kad
