// Nodes on a network that loses, delays and reorders; a clock that moves when told to.
#include "index/announcements.h"

#include "index/held_blocks.h"
#include "multiformats/numbered_peer.h"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <random>
#include <set>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using multiformats::PeerId;

constexpr auto peer = multiformats::testing::numbered_peer;

BlockKey random_key(std::mt19937_64& random) {
  BlockKey key;
  for (std::size_t i = 0; i < 32; i += 8) base::store_le64(&key.bytes[i], random());
  return key;
}

class Network {
 public:
  struct Node final : AnnouncementCarrier {
    Node(Network& n, std::size_t i, std::uint64_t started_ms) : network(n), number(i) {
      AnnouncementsConfig config;
      config.incarnation = {started_ms, 100 + i};
      config.seed = i;
      announcements.emplace(network.io.get_executor(), network.clock, *this, index, config);
    }
    void publish(const Fingerprint& about, base::Bytes payload) override {
      network.bytes_published += payload.size();
      ++network.publishes;
      for (auto& other : network.nodes) {
        if (other && other.get() != this) network.deliver(number, *other, about, payload);
      }
    }
    base::Task<base::Result<base::Bytes>> ask(PeerId holder, Fingerprint about, base::Bytes question,
                                              base::TimePoint) override {
      return network.ask(number, std::move(holder), about, std::move(question));
    }

    void store(const BlockKey& key) {
      announcements->stored(network.model, key);
      held.insert(prefix_of(key));
      keys.push_back(key);
    }
    void evict_any() {
      const std::size_t at = network.random() % keys.size();
      announcements->evicted(network.model, keys[at]);
      held.erase(prefix_of(keys[at]));
      keys[at] = keys.back();
      keys.pop_back();
    }
    std::set<KeyPrefix> known_of(std::size_t other) const {
      std::set<KeyPrefix> all;
      if (const auto* blocks = index.blocks_of({peer(other), network.model})) {
        blocks->for_each([&](KeyPrefix prefix) { all.insert(prefix); });
      }
      return all;
    }

    Network& network;
    const std::size_t number;
    BlockIndex index{100'000};
    std::set<KeyPrefix> held;
    std::vector<BlockKey> keys;
    std::optional<Announcements> announcements;
  };

  Node& add(std::uint64_t started_ms = 1) {
    nodes.push_back(std::make_unique<Node>(*this, nodes.size(), started_ms));
    return *nodes.back();
  }
  void pass(base::Duration time) {
    for (base::Duration done{}; done < time; done += 5ms) {
      clock.advance(5ms);
      while (io.poll() > 0) {
      }
      io.restart();
    }
    std::erase_if(under_way, [](const auto& timer) { return !*timer; });
  }
  bool everybody_knows() const {
    for (const auto& a : nodes) {
      for (const auto& b : nodes) {
        if (a && b && a != b && a->known_of(b->number) != b->held) return false;
      }
    }
    return true;
  }

  void deliver(std::size_t from, Node& to, const Fingerprint& of, const base::Bytes& payload) {
    if (chance(loss)) return;
    const auto delay = 1ms * (1 + random() % 200);
    auto timer = std::make_shared<std::unique_ptr<base::Timer>>();
    under_way.push_back(timer);
    *timer = clock.call_at(clock.now() + delay, [this, from, number = to.number, of, payload] {
      if (nodes[number]) nodes[number]->announcements->on_payload(peer(from), of, payload);
    });
  }
  base::Task<base::Result<base::Bytes>> ask(std::size_t from, PeerId holder, Fingerprint of, base::Bytes question) {
    ++questions;
    co_await base::sleep_for(clock, 10ms);
    const bool lost = chance(loss);
    for (auto& node : nodes) {
      if (!node || peer(node->number) != holder || lost) continue;
      auto answer = node->announcements->on_question(peer(from), of, question);
      co_await base::sleep_for(clock, 10ms);
      co_return answer;
    }
    co_return boost::system::errc::make_error_code(boost::system::errc::timed_out);
  }
  bool chance(double share) { return static_cast<double>(random() % 1'000'000) < share * 1e6; }

  boost::asio::io_context io;
  base::ManualClock clock;
  std::mt19937_64 random{7};
  Fingerprint model;
  double loss = 0;
  std::size_t questions = 0;
  std::size_t bytes_published = 0;
  std::size_t publishes = 0;
  std::vector<std::unique_ptr<Node>> nodes;
  std::vector<std::shared_ptr<std::unique_ptr<base::Timer>>> under_way;
};

TEST(Announcements, WithoutLossEverybodyKnowsSoonAndNobodyAsks) {
  Network network;
  for (int i = 0; i < 5; ++i) network.add();
  for (auto& node : network.nodes) {
    for (int i = 0; i < 100; ++i) node->store(random_key(network.random));
    for (int i = 0; i < 10; ++i) node->evict_any();
  }
  network.pass(250ms);
  EXPECT_TRUE(network.everybody_knows());
  network.pass(60s);
  EXPECT_EQ(network.questions, 0u);
}

TEST(Announcements, WhatWasLostIsRepaired) {
  Network network;
  network.loss = 0.2;
  for (int i = 0; i < 6; ++i) network.add();
  for (int second = 0; second < 60; ++second) {
    for (auto& node : network.nodes) {
      for (int i = 0; i < 30; ++i) node->store(random_key(network.random));
      for (int i = 0; i < 10; ++i) node->evict_any();
    }
    network.pass(1s);
  }
  EXPECT_FALSE(network.everybody_knows());
  // Digests, questions and answers are lost as often.
  network.pass(60s);
  EXPECT_TRUE(network.everybody_knows());
  network.pass(2s);  // what had begun before
  const std::size_t before = network.questions;
  network.pass(60s);
  EXPECT_EQ(network.questions, before) << "nothing is asked for once all is known";
}

// However many hold blocks of a model, its topic carries no more than so many messages.
TEST(Announcements, ManyHoldersEachTellLessOften) {
  constexpr std::size_t kHolders = 100;
  Network network;
  for (std::size_t i = 0; i < kHolders; ++i) network.add().store(random_key(network.random));
  network.pass(25s);
  const std::size_t digests = network.publishes;
  network.pass(20s);
  EXPECT_LE(network.publishes - digests, 20 * 5 * 4 / 3);
  const std::size_t before = network.publishes;
  for (int i = 0; i < 100; ++i) {
    for (auto& node : network.nodes) node->store(random_key(network.random));
    network.pass(50ms);
  }
  // 100 a second, the first of each at once, and digests.
  EXPECT_LE(network.publishes - before, 5 * 100 + kHolders + 5 * 5 * 4 / 3);
  network.pass(2s);
  EXPECT_TRUE(network.everybody_knows());
}

TEST(Announcements, ALatecomerLearnsEverything) {
  Network network;
  for (int i = 0; i < 3; ++i) {
    auto& node = network.add();
    for (int k = 0; k < 2000; ++k) node.store(random_key(network.random));
  }
  network.pass(1s);
  network.add();
  network.pass(20s);
  EXPECT_TRUE(network.everybody_knows());
}

TEST(Announcements, ARestartedNodeIsTakenForWhatItIsNow) {
  Network network;
  auto& lasting = network.add();
  for (int k = 0; k < 50; ++k) network.add().store(random_key(network.random));
  network.pass(1s);
  auto reborn = std::make_unique<Network::Node>(network, 1, 2);
  network.nodes[1] = std::move(reborn);
  network.nodes[1]->store(random_key(network.random));
  network.pass(1s);
  EXPECT_EQ(lasting.known_of(1), network.nodes[1]->held);
  // A node that is gone is forgotten when its digests do not come.
  network.pass(15s);
  network.nodes[2].reset();
  network.pass(90s);
  EXPECT_TRUE(lasting.known_of(2).empty());
  EXPECT_TRUE(network.everybody_knows());
}

TEST(Announcements, ClearedBlocksAreGoneEverywhere) {
  Network network;
  auto& a = network.add();
  auto& b = network.add();
  for (int k = 0; k < 20'000; ++k) a.store(random_key(network.random));
  network.pass(1s);
  EXPECT_EQ(b.known_of(0).size(), 20'000u);
  a.announcements->cleared(network.model);
  a.held.clear();
  a.store(random_key(network.random));
  network.pass(1s);
  EXPECT_TRUE(network.everybody_knows());
}

TEST(Announcements, WhoAsksTooMuchIsRefused) {
  Network network;
  auto& node = network.add();
  for (int k = 0; k < 20'000; ++k) node.store(random_key(network.random));
  network.pass(1s);
  const auto question = wire::encode_announcement(wire::PartsWanted{0, {0}});
  const auto ask = [&](std::size_t asker) {
    return node.announcements->on_question(peer(asker), network.model, question);
  };
  int answered = 0;
  while (ask(7) && answered < 1000) ++answered;
  EXPECT_GT(answered, 10);
  EXPECT_LT(answered, 50);
  EXPECT_TRUE(ask(8)) << "another peer is answered";
  network.pass(2s);
  EXPECT_TRUE(ask(7)) << "after a while";
  EXPECT_FALSE(node.announcements->on_question(peer(7), Fingerprint{{1}}, question)) << "no such model";
}

TEST(Announcements, WhatIsNoGossipIsRejected) {
  Network network;
  auto& node = network.add();
  const auto verdict = [&](const base::Bytes& payload) {
    return node.announcements->on_payload(peer(9), network.model, payload);
  };
  EXPECT_EQ(verdict({}), GossipVerdict::kReject);
  EXPECT_EQ(verdict({0x93, 1, 2, 3}), GossipVerdict::kReject);
  EXPECT_EQ(verdict(wire::encode_announcement(wire::SumsWanted{3})), GossipVerdict::kReject);
  EXPECT_EQ(verdict(wire::encode_announcement(wire::BlocksDigest{{1, 1}, 0, 0, 0, 1000})), GossipVerdict::kAccept);
  const auto digest = wire::encode_announcement(wire::BlocksDigest{{1, 1}, 0, 0, 0, 1000});
  EXPECT_FALSE(node.announcements->on_question(peer(9), network.model, digest)) << "gossip is no question";
}

TEST(Announcements, StoppedNodesSendNothing) {
  Network network;
  auto& a = network.add();
  network.add();
  a.store(random_key(network.random));
  a.announcements->stop();
  a.announcements->stored(network.model, random_key(network.random));
  network.pass(30s);
  EXPECT_EQ(network.bytes_published, 0u);
}

TEST(Announcements, TheTopicNamesTheModel) {
  EXPECT_EQ(blocks_topic(Fingerprint{}), "/kv-cache-p2p/blocks/1.0.0/" + std::string(64, '0'));
}

}  // namespace
}  // namespace kvp2p
