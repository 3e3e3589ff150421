// Nodes with no I/O between them: what they find, keep and do by themselves.
#include "libp2p/protocols/kad/behaviour.h"

#include "libp2p/core/error.h"
#include "libp2p/protocols/kad/error.h"
#include "libp2p/protocols/kad/testing/kad_net.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace libp2p::kad {
namespace {

using namespace std::chrono_literals;
using multiformats::PeerId;
using testing::bytes;
using testing::entry;
using testing::ids;
using testing::KadNet;
using testing::peer;
using testing::seen_private;

/// Values are text, the longest is the best, and those that begin with '!' are invalid.
Validator text_validator() {
  return {[](base::ConstBytes, base::ConstBytes value) { return value.empty() || value[0] != '!'; },
          [](base::ConstBytes, std::span<const base::Bytes> values) {
            std::size_t best = 0;
            for (std::size_t i = 1; i < values.size(); ++i) best = values[i].size() > values[best].size() ? i : best;
            return best;
          }};
}

void add_text(Config& config) { config.validators["t"] = text_validator(); }

bool has(const std::vector<PeerId>& peers, const PeerId& id) {
  return std::find(peers.begin(), peers.end(), id) != peers.end();
}

TEST(KadBehaviourTest, ByOneBootstrapPeerAllFindTheClosestToAKey) {
  KadNet net(70);
  net.bootstrap_all();
  for (std::uint32_t i = 0; i < 20; ++i) {
    const base::Bytes key = bytes("key " + std::to_string(i));
    const auto result = net.run(i, net[i].find_closest(key, net.now()));
    auto expected = net.truly_closest(key, 21);
    // Who asks does not ask himself.
    std::erase(expected, peer(i));
    expected.resize(20);
    EXPECT_EQ(ids(result.peers), expected) << i;
    EXPECT_FALSE(result.timed_out);
  }
}

TEST(KadBehaviourTest, WhatOneProvidesAnotherFinds) {
  KadNet net(60);
  net.bootstrap_all();
  const base::Bytes key = provider_key(base::as_bytes("model"));
  EXPECT_EQ(net.run(7, net[7].provide(key, net.now())).told, 20u);
  EXPECT_EQ(net.run(9, net[9].provide(key, net.now())).told, 20u);
  net.settle();
  const auto result = net.run(33, net[33].find_providers(key, 10, net.now()));
  EXPECT_EQ(result.peers.size(), 2u);
  EXPECT_TRUE(has(ids(result.peers), peer(7)));
  EXPECT_TRUE(has(ids(result.peers), peer(9)));
  for (const PeerEntry& each : result.peers) EXPECT_FALSE(each.addresses.empty());
  // Enough is enough.
  const auto one = net.run(34, net[34].find_providers(key, 1, net.now()));
  EXPECT_EQ(one.peers.size(), 1u);
  EXPECT_LT(one.requests, 40u);
}

TEST(KadBehaviourTest, PeersAreFoundByTheirIds) {
  KadNet net(60);
  net.bootstrap_all();
  const auto result = net.run(3, net[3].find_peer(peer(57), net.now()));
  ASSERT_EQ(result.peers.size(), 1u);
  EXPECT_EQ(result.peers[0], entry(57));
  EXPECT_TRUE(net.run(3, net[3].find_peer(peer(5000), net.now())).peers.empty());
}

TEST(KadBehaviourTest, ClientsAreFoundByWhoeverIsConnectedToThemAndAreInNoTable) {
  KadNet net(40);
  net.bootstrap_all();
  const std::uint32_t client = net.add(false);
  net[client].add_bootstrap(entry(0), net.now());
  net.pass(2min);
  EXPECT_GT(net[client].table().size(), 20u);
  for (const PeerId& id : net.truly_closest(peer(client).as_bytes(), 3)) {
    for (std::size_t i = 0; i < 40; ++i) {
      if (peer(static_cast<std::uint32_t>(i)) == id) net[i].identified(entry(client), seen_private(), false, net.now());
    }
  }
  const auto result = net.run(5, net[5].find_peer(peer(client), net.now()));
  ASSERT_EQ(result.peers.size(), 1u);
  EXPECT_EQ(result.peers[0].addresses, entry(client).addresses);
  for (std::size_t i = 0; i < 40; ++i) EXPECT_FALSE(net[i].table().find(peer(client)));
}

TEST(KadBehaviourTest, ValuesArePutAndGot) {
  KadNet net(60, add_text);
  net.bootstrap_all();
  EXPECT_EQ(net.run(1, net[1].put_value(bytes("/t/a"), bytes("old"), false, net.now())).told, 20u);
  EXPECT_EQ(net.run(40, net[40].get_value(bytes("/t/a"), net.now())).value, bytes("old"));
  EXPECT_GT(net.run(2, net[2].put_value(bytes("/t/a"), bytes("newer"), false, net.now())).told, 15u);
  EXPECT_EQ(net.run(41, net[41].get_value(bytes("/t/a"), net.now())).value, bytes("newer"));
  EXPECT_FALSE(net.run(41, net[41].get_value(bytes("/t/none"), net.now())).value);
  // A worse one does not take its place, wherever it is stored.
  net.run(3, net[3].put_value(bytes("/t/a"), bytes("x"), false, net.now()));
  EXPECT_EQ(net.run(42, net[42].get_value(bytes("/t/a"), net.now())).value, bytes("newer"));
}

TEST(KadBehaviourTest, BadKeysAndValuesAreRefused) {
  KadNet net(3, add_text);
  net.bootstrap_all();
  Behaviour& node = net[1];
  const auto now = net.now();
  EXPECT_EQ(node.put_value(bytes("/other/a"), bytes("1"), false, now).error(), Errc::kNoValidator);
  EXPECT_EQ(node.put_value(bytes("no namespace"), bytes("1"), false, now).error(), Errc::kNoValidator);
  EXPECT_EQ(node.put_value(bytes("/t/a"), bytes("!"), false, now).error(), Errc::kInvalidValue);
  EXPECT_EQ(node.put_value(bytes("/t/a"), base::Bytes(8193), false, now).error(), Errc::kValueTooLong);
  EXPECT_EQ(node.put_value({}, bytes("1"), false, now).error(), Errc::kBadKey);
  EXPECT_EQ(node.provide({}, now).error(), Errc::kBadKey);
  EXPECT_EQ(node.provide(base::Bytes(81), now).error(), Errc::kBadKey);
  EXPECT_EQ(node.find_providers(bytes("a"), 0, now).error(), Errc::kBadKey);
  EXPECT_EQ(node.find_peer(PeerId(), now).error(), Errc::kBadKey);
}

TEST(KadBehaviourTest, AloneThereIsNobodyToAsk) {
  KadNet net(1);
  EXPECT_EQ(net[0].find_closest(bytes("a"), net.now()).error(), Errc::kNoPeers);
  EXPECT_EQ(net[0].provide(bytes("a"), net.now()).error(), Errc::kNoPeers);
}

TEST(KadBehaviourTest, WhatWasProvidedAloneIsToldToThoseWhoComeLater) {
  KadNet net(2);
  EXPECT_EQ(net[1].provide(bytes("a"), net.now()).error(), Errc::kNoPeers);
  net[1].add_bootstrap(entry(0), net.now());
  net.pass(2min);
  EXPECT_EQ(ids(net[0].providers().of(bytes("a"), net.now(), 10)), std::vector{peer(1)});
}

TEST(KadBehaviourTest, WhatIsProvidedIsToldAnewUntilItIsNotAnyMore) {
  const auto short_lived = [](Config& config) {
    config.params.provider_ttl = 3h;
    config.params.republish_interval = 1h;
  };
  KadNet net(12, short_lived);
  net.bootstrap_all();
  net.run(7, net[7].provide(bytes("a"), net.now()));
  net.pass(10h);
  EXPECT_EQ(ids(net.run(3, net[3].find_providers(bytes("a"), 5, net.now())).peers), std::vector{peer(7)});
  // Often at first, as few are known here.
  EXPECT_GE(net[7].stats().republished, 15u);
  EXPECT_LE(net[7].stats().republished, 18u);
  net[7].stop_providing(bytes("a"));
  net.pass(4h);
  EXPECT_TRUE(net.run(3, net[3].find_providers(bytes("a"), 5, net.now())).peers.empty());
}

TEST(KadBehaviourTest, DeadPeersLeaveTheTablesAndLookUpsGoOn) {
  KadNet net(60);
  net.bootstrap_all();
  for (std::size_t i = 1; i < 60; i += 2) net.set_up(i, false);
  net.pass(25min);
  for (std::size_t i = 0; i < 60; i += 2) {
    std::size_t dead = 0;
    for (std::uint32_t j = 1; j < 60; j += 2) dead += net[i].table().find(peer(j)) ? 1 : 0;
    EXPECT_EQ(dead, 0u) << i;
  }
  const auto result = net.run(4, net[4].find_closest(bytes("key"), net.now()));
  auto expected = net.truly_closest(bytes("key"), 21);
  std::erase(expected, peer(4));
  expected.resize(20);
  EXPECT_EQ(ids(result.peers), expected);
}

TEST(KadBehaviourTest, ANetworkThatWasCutInTwoFindsTogether) {
  KadNet net(26);
  net.bootstrap_all();
  net.set_cut([](std::size_t node) { return node < 13; });
  net.pass(40min);
  for (std::size_t i = 0; i < 13; ++i) {
    for (std::uint32_t j = 13; j < 26; ++j) EXPECT_FALSE(net[i].table().find(peer(j)));
  }
  net.set_cut(nullptr);
  net.pass(30min);
  for (std::size_t i = 0; i < 26; ++i) EXPECT_GE(net[i].table().size(), 20u) << i;
  const auto result = net.run(3, net[3].find_closest(bytes("key"), net.now()));
  auto expected = net.truly_closest(bytes("key"), 21);
  std::erase(expected, peer(3));
  expected.resize(20);
  EXPECT_EQ(ids(result.peers), expected);
}

TEST(KadBehaviourTest, ProvidersAreTakenFromThemselvesOnly) {
  KadNet net(2);
  const Message other{.type = MessageType::kAddProvider, .key = bytes("a"), .providers = {entry(5)}};
  EXPECT_FALSE(*net[0].receive({peer(1), seen_private()}, other, net.now()));
  EXPECT_EQ(net[0].providers().size(), 0u);
  const Message own{.type = MessageType::kAddProvider, .key = bytes("a"), .providers = {entry(5), entry(1)}};
  EXPECT_FALSE(*net[0].receive({peer(1), seen_private()}, own, net.now()));
  EXPECT_EQ(ids(net[0].providers().of(bytes("a"), net.now(), 10)), std::vector{peer(1)});
}

TEST(KadBehaviourTest, RequestsThatMakeNoSenseAreErrors) {
  KadNet net(1, add_text);
  const Requester from{peer(1), seen_private()};
  const auto error = [&](Message message) { return net[0].receive(from, message, net.now()).error(); };
  EXPECT_EQ(error({.type = MessageType::kFindNode}), Errc::kBadKey);
  EXPECT_EQ(error({.type = MessageType::kGetProviders}), Errc::kBadKey);
  EXPECT_EQ(error({.type = MessageType::kAddProvider, .key = base::Bytes(81)}), Errc::kBadKey);
  EXPECT_EQ(error({.type = MessageType::kGetValue}), Errc::kBadKey);
  EXPECT_EQ(error({.type = MessageType::kPutValue, .key = bytes("/t/a")}), Error::kMalformedMessage);
  EXPECT_EQ(error({.type = MessageType::kPutValue, .key = bytes("/t/a"), .record = Record{bytes("/t/b"), bytes("1")}}),
            Error::kMalformedMessage);
  EXPECT_EQ(error({.type = MessageType::kPutValue, .key = bytes("/t/a"), .record = Record{bytes("/t/a"), bytes("!")}}),
            Errc::kInvalidValue);
  EXPECT_EQ(net[0].stats().requests_refused, 7u);
  EXPECT_EQ(net[0].records().size(), 0u);
  EXPECT_EQ((*net[0].receive(from, {.type = MessageType::kPing}, net.now()))->type, MessageType::kPing);
}

TEST(KadBehaviourTest, InvalidValuesAreNotBelieved) {
  KadNet net(30, add_text);
  net.bootstrap_all();
  net.run(1, net[1].put_value(bytes("/t/a"), bytes("true"), false, net.now()));
  for (std::size_t i = 0; i < 30; i += 2) {
    net.set_lie(i, [](const Message& request) {
      return Message{
          .type = request.type, .key = request.key, .record = Record{request.key, bytes("!lie, and a long one")}};
    });
  }
  EXPECT_EQ(net.run(21, net[21].get_value(bytes("/t/a"), net.now())).value, bytes("true"));
}

TEST(KadBehaviourTest, OneLiarDoesNotEndTheSearchForSeveralProviders) {
  KadNet net(30);
  net.bootstrap_all();
  const base::Bytes key = bytes("model");
  for (const std::uint32_t i : {3u, 4u, 5u}) net.run(i, net[i].provide(key, net.now()));
  std::vector<PeerEntry> fakes;
  for (std::uint32_t i = 0; i < 50; ++i) fakes.push_back(entry(9000 + i));
  net.set_lie(0, [fakes](const Message& request) {
    return Message{.type = request.type, .key = request.key, .providers = fakes};
  });
  const auto found = ids(net.run(20, net[20].find_providers(key, 6, net.now())).peers);
  EXPECT_TRUE(has(found, peer(3)) && has(found, peer(4)) && has(found, peer(5)));
}

TEST(KadBehaviourTest, LiarsInTheTableAreNoHarmToLookUps) {
  KadNet net(60);
  net.bootstrap_all();
  std::vector<PeerEntry> fakes;
  for (std::uint32_t i = 0; i < 128; ++i) fakes.push_back(entry(20'000 + i));
  for (std::size_t i = 0; i < 6; ++i) {
    net.set_lie(i, [fakes](const Message& request) {
      return Message{.type = request.type, .key = request.key, .closer = fakes};
    });
  }
  for (std::uint32_t i = 10; i < 20; ++i) {
    const base::Bytes key = bytes("key " + std::to_string(i));
    const auto result = net.run(i, net[i].find_closest(key, net.now()));
    auto expected = net.truly_closest(key, 21);
    std::erase(expected, peer(i));
    expected.resize(20);
    EXPECT_EQ(ids(result.peers), expected);
    EXPECT_LE(result.requests, 110u);
  }
}

TEST(KadBehaviourTest, AddressesOfOurOwnMachineAreNotTakenFromOthers) {
  KadNet net(1);
  const auto loopback = multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/4001").value();
  net[0].identified({peer(1), {loopback}}, seen_private(), true, net.now());
  EXPECT_EQ(net[0].table().size(), 0u);
  net[0].identified({peer(1), {loopback}}, {.scope = Scope::kLoopback}, true, net.now());
  EXPECT_EQ(net[0].table().size(), 1u);
  // And are not told to others.
  const Message request{.type = MessageType::kFindNode, .key = bytes("a")};
  const auto far = net[0].receive({peer(2), seen_private()}, request, net.now());
  ASSERT_EQ((*far)->closer.size(), 1u);
  EXPECT_TRUE((*far)->closer[0].addresses.empty());
  const auto near = net[0].receive({peer(2), {.scope = Scope::kLoopback}}, request, net.now());
  EXPECT_EQ((*near)->closer[0].addresses.size(), 1u);
}

TEST(KadBehaviourTest, OneThatIsNoServerAnyMoreLeavesTheTable) {
  KadNet net(1);
  net[0].identified(entry(1), seen_private(), true, net.now());
  EXPECT_TRUE(net[0].table().find(peer(1)));
  net[0].identified(entry(1), seen_private(), false, net.now());
  EXPECT_FALSE(net[0].table().find(peer(1)));
}

TEST(KadBehaviourTest, QueriesAreBoundedAndEndInTime) {
  KadNet net(30, [](Config& config) { config.limits.queries_max = 4; });
  net.bootstrap_all();
  std::vector<QueryId> queries;
  for (int i = 0; i < 4; ++i) queries.push_back(net[1].find_closest(bytes("a"), net.now()).value());
  EXPECT_EQ(net[1].find_closest(bytes("a"), net.now()).error(), Errc::kTooManyQueries);
  net[1].cancel(queries[0]);
  EXPECT_TRUE(net[1].find_closest(bytes("a"), net.now()));
  // Nobody answers any more.
  for (std::size_t i = 0; i < 30; ++i) net.set_up(i, i == 1);
  net.pass(10min);
  EXPECT_EQ(net[1].query_count(), 0u);
  EXPECT_LE(net[1].requests_under_way(), Maintenance::kAtOnce * 10);
}

TEST(KadBehaviourTest, RequestsUnderWayAreBounded) {
  KadNet net(60, [](Config& config) { config.limits.outbound_requests_max = 7; });
  net.bootstrap_all();
  for (int i = 0; i < 20; ++i) (void)net[1].find_closest(bytes(std::to_string(i)), net.now());
  EXPECT_LE(net[1].take_requests().size(), 7u);
  EXPECT_TRUE(net[1].take_requests().empty());
  EXPECT_LE(net[1].requests_under_way(), 7u);
}

TEST(KadBehaviourTest, AnIdleNodeDoesLittle) {
  KadNet net(30);
  net.bootstrap_all();
  net.pass(30min);
  const auto before = net.messages;
  net.pass(30min);
  // A refresh each 10 minutes, of three look-ups and some probes.
  EXPECT_LT((net.messages - before) / 30, 4u * 150u);
}

TEST(KadBehaviourTest, EqualSeedsAndEventsMakeEqualDecisions) {
  const auto run = [] {
    KadNet net(30);
    net.bootstrap_all();
    net.run(7, net[7].provide(bytes("a"), net.now()));
    net.pass(30min);
    return net.messages;
  };
  EXPECT_EQ(run(), run());
}

TEST(KadConfigTest, ContradictionsAreRefused) {
  EXPECT_TRUE(validate(Config()));
  const std::vector<std::function<void(Config&)>> bad{
      [](Config& c) { c.protocol = "kad"; },
      [](Config& c) { c.params.k = 0; },
      [](Config& c) { c.params.k = 65; },
      [](Config& c) { c.params.alpha = 1; },
      [](Config& c) { c.params.republish_interval = 48h; },
      [](Config& c) { c.params.request_timeout = 0s; },
      [](Config& c) { c.limits.providers_max = 0; },
      [](Config& c) { c.limits.value_bytes_max = 1 << 20; },
      [](Config& c) { c.validators["x"] = Validator(); },
  };
  for (const auto& change : bad) {
    Config config;
    change(config);
    EXPECT_EQ(validate(config).error(), Errc::kBadConfig);
  }
}

TEST(KadValidatorTest, PublicKeysAreThoseOfTheirPeers) {
  const Validator validator = public_key_validator();
  const auto key = multiformats::PrivateKey::generate();
  const auto id = PeerId::from_public_key(key.public_key());
  base::Bytes name = bytes("/pk/");
  base::append(name, id.as_bytes());
  const base::Bytes value = base::to_bytes(key.public_key().to_protobuf());
  EXPECT_EQ(namespace_of(name), "pk");
  EXPECT_TRUE(validator.is_valid(name, value));
  EXPECT_FALSE(validator.is_valid(name, bytes("no key")));
  EXPECT_FALSE(validator.is_valid(bytes("/pk/nobody"), value));
  EXPECT_FALSE(validator.is_valid(bytes("/other/nobody"), value));
  EXPECT_EQ(namespace_of(bytes("pk/a")), "");
  EXPECT_EQ(namespace_of(bytes("/pk")), "");
  EXPECT_EQ(namespace_of({}), "");
}

}  // namespace
}  // namespace libp2p::kad
