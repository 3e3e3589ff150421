// Announcements over whole hosts and gossipsub, in memory.
#include "exchange/gossip_carrier.h"

#include "exchange/cluster_auth.h"
#include "index/held_blocks.h"
#include "libp2p/protocols/gossipsub/testing/pubsub_fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using multiformats::PeerId;

const base::Bytes kKey(kClusterKeyBytes, 1);

BlockKey key(std::uint32_t number) {
  BlockKey k;
  // Spread over the key space as digests are.
  base::store_le64(k.bytes.data(), (number + 1) * 0x9e3779b97f4a7c15u);
  return k;
}

class GossipCarrierTest : public libp2p::gossipsub::testing::PubsubFixture {
 protected:
  /// A node's part of it.
  struct Teller {
    BlockIndex index;
    std::set<PeerId> strangers;
    std::set<PeerId> without_rights;  ///< to say or ask anything of the model
    std::unique_ptr<GossipCarrier> carrier;
    std::unique_ptr<Announcements> announcements;
  };

  Teller& add(const base::Bytes& cluster_key = {}) {
    Node& node = add_node();
    Teller& teller = *tellers_.emplace_back(std::make_unique<Teller>());
    const auto is_known = [&teller](const PeerId& peer) { return !teller.strangers.contains(peer); };
    const auto has_rights = [&teller, this](const PeerId& peer, const Fingerprint& model) {
      return model == model_ && !teller.without_rights.contains(peer);
    };
    GossipCarrierConfig carrier{.may_announce = is_known, .may_ask = is_known};
    carrier.cluster_key = cluster_key;
    carrier.may_announce_about = carrier.may_ask_about = has_rights;
    carrier.addresses_of = [this](const PeerId& peer) {
      const auto at = std::ranges::find_if(nodes_, [&peer](const auto& each) { return each->id() == peer; });
      return at == nodes_.end() ? std::vector<multiformats::Multiaddr>() : std::vector{(*at)->address};
    };
    teller.carrier = std::make_unique<GossipCarrier>(clock_, *node.host, *node.pubsub, std::move(carrier));
    AnnouncementsConfig config;
    config.incarnation = {1, nodes_.size()};
    config.seed = nodes_.size();
    teller.announcements =
        std::make_unique<Announcements>(io_.get_executor(), clock_, *teller.carrier, teller.index, config);
    teller.carrier->attach(*teller.announcements);
    EXPECT_TRUE(teller.carrier->follow(model_));
    return teller;
  }
  void store(Teller& teller, std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) teller.announcements->stored(model_, key(first + i));
  }
  /// How many blocks a node knows another to have.
  std::size_t known(std::size_t at, std::size_t of) const {
    const auto* blocks = tellers_[at]->index.blocks_of({nodes_[of]->id(), model_});
    return blocks ? blocks->size() : 0;
  }
  void TearDown() override {
    for (auto& teller : tellers_) {
      teller->announcements->stop();
      teller->carrier->stop();
    }
    PubsubFixture::TearDown();
    tellers_.clear();
  }

  const Fingerprint model_{{7}};
  std::vector<std::unique_ptr<Teller>> tellers_;
};

TEST_F(GossipCarrierTest, WhatOneStoresAllKnow) {
  for (int i = 0; i < 6; ++i) add();
  // A ring: most hear of most by way of others.
  for (std::size_t i = 0; i < 6; ++i) connect(*nodes_[i], *nodes_[(i + 1) % 6]);
  pass(2s);
  store(*tellers_[0], 0, 100);
  tellers_[0]->announcements->evicted(model_, key(5));
  pass(200ms);
  for (std::size_t i = 1; i < 6; ++i) EXPECT_EQ(known(i, 0), 99u) << i;
  const std::vector<BlockKey> prompt = {key(0), key(1), key(2), key(3), key(4), key(5)};
  const auto holders = tellers_[3]->index.holders(prompt, 0, 8);
  ASSERT_EQ(holders.size(), 1u);
  EXPECT_EQ(holders[0].peer, nodes_[0]->id());
  EXPECT_EQ(holders[0].blocks, 5u);
}

// The largest messages there are go through gossipsub's bounds.
TEST_F(GossipCarrierTest, ABurstOfManyBlocksComesThroughWhole) {
  add();
  add();
  connect(*nodes_[0], *nodes_[1]);
  pass(2s);
  store(*tellers_[0], 0, 20'000);
  pass(200ms);
  EXPECT_EQ(known(1, 0), 20'000u);
}

TEST_F(GossipCarrierTest, HoldersOfTheClusterKeyBelieveEachOther) {
  for (int i = 0; i < 3; ++i) add(kKey);
  connect(*nodes_[0], *nodes_[1]);
  connect(*nodes_[1], *nodes_[2]);
  pass(2s);
  // The largest messages there are, and the proof.
  store(*tellers_[0], 0, 20'000);
  pass(200ms);
  EXPECT_EQ(known(1, 0), 20'000u);
  EXPECT_EQ(known(2, 0), 20'000u);
}

TEST_F(GossipCarrierTest, ClustersHearNothingOfEachOther) {
  add(kKey);
  add(base::Bytes(kClusterKeyBytes, 2));
  add();
  connect(*nodes_[0], *nodes_[1]);
  connect(*nodes_[1], *nodes_[2]);
  connect(*nodes_[2], *nodes_[0]);
  pass(2s);
  for (std::size_t i = 0; i < 3; ++i) store(*tellers_[i], 0, 10);
  pass(40s);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t of = 0; of < 3; ++of) EXPECT_EQ(known(i, of), 0u) << i << " " << of;
  }
}

// Somebody has heard the topic's name, but has not the key.
TEST_F(GossipCarrierTest, WhoHasNotTheKeyIsNotBelievedAndLosesItsGoodName) {
  add(kKey);
  add(kKey);
  Node& outsider = add_node();
  connect(outsider, *nodes_[0]);
  connect(*nodes_[0], *nodes_[1]);
  const std::string topic = blocks_topic(gossip_topic_name(kKey, model_));
  auto subscription = outsider.pubsub->subscribe(topic, {}, [](const PeerId&, const libp2p::gossipsub::MessagePtr&) {});
  ASSERT_TRUE(subscription);
  pass(2s);
  wire::BlocksChanged claim;
  claim.incarnation = {1, 1};
  claim.sequence = 1;
  claim.stored = {prefix_of(key(1))};
  const base::Bytes payload = wire::encode_announcement(claim);
  base::Bytes forged = payload;
  base::append(forged, announcement_proof(base::Bytes(kClusterKeyBytes, 9), outsider.id(), model_, payload));
  base::Bytes stolen = payload;  // another's proof of the same
  base::append(stolen, announcement_proof(kKey, nodes_[1]->id(), model_, payload));
  for (const base::Bytes& each : {payload, forged, stolen, base::Bytes(), base::Bytes(31, 1)}) {
    EXPECT_TRUE(outsider.pubsub->publish(topic, each));
  }
  pass(1s);
  EXPECT_EQ(known(0, 2), 0u);
  EXPECT_EQ(known(1, 2), 0u);
  EXPECT_LT(nodes_[0]->pubsub->score(outsider.id()), 0);
}

TEST_F(GossipCarrierTest, WhoComesLaterAsksForWhatItMissed) {
  add();
  store(*tellers_[0], 0, 5000);
  // Gossip itself repeats what is a few seconds old.
  pass(30s);
  add();
  connect(*nodes_[1], *nodes_[0]);
  pass(20s);
  EXPECT_EQ(known(1, 0), 5000u);
}

TEST_F(GossipCarrierTest, StrangersAreNeitherBelievedNorAnswered) {
  add();
  add();
  tellers_[0]->strangers.insert(nodes_[1]->id());
  connect(*nodes_[1], *nodes_[0]);
  store(*tellers_[0], 0, 10);
  store(*tellers_[1], 100, 10);
  pass(40s);
  EXPECT_EQ(known(0, 1), 0u);
  const auto question = wire::encode_announcement(wire::SumsWanted{0});
  const auto ask = [&](std::size_t from, std::size_t of) {
    return run(tellers_[from]->carrier->ask(nodes_[of]->id(), model_, question, clock_.now() + 5s));
  };
  EXPECT_FALSE(ask(1, 0));
  EXPECT_TRUE(ask(0, 1));
}

TEST_F(GossipCarrierTest, WhoHasNoRightToAModelIsNeitherBelievedNorAnsweredAboutIt) {
  add();
  add();
  tellers_[0]->without_rights.insert(nodes_[1]->id());
  connect(*nodes_[1], *nodes_[0]);
  store(*tellers_[0], 0, 10);
  store(*tellers_[1], 100, 10);
  pass(40s);
  EXPECT_EQ(known(0, 1), 0u);
  EXPECT_EQ(known(1, 0), 10u);
  const auto question = wire::encode_announcement(wire::SumsWanted{0});
  EXPECT_FALSE(run(tellers_[1]->carrier->ask(nodes_[0]->id(), model_, question, clock_.now() + 5s)));
  EXPECT_TRUE(run(tellers_[0]->carrier->ask(nodes_[1]->id(), model_, question, clock_.now() + 5s)));
}

// The asker's end of stream may come late: the answer must not be lost by that.
TEST_F(GossipCarrierTest, AnAnswerWaitsForWhoIsSlowToClose) {
  add();
  add();
  auto connection = connect(*nodes_[1], *nodes_[0]);
  pass(1s);
  store(*tellers_[0], 0, 1);
  auto opened = run(connection->new_stream({std::string(kMissedBlocksProtocol)}));
  ASSERT_TRUE(opened);
  libp2p::Stream& stream = *opened->stream;
  const auto question = wire::encode_announcement(wire::SumsWanted{0});
  ASSERT_TRUE(run(stream.write(model_.bytes)));
  ASSERT_TRUE(run(libp2p::write_length_prefixed(stream, question)));
  pass(1s);
  const auto answer = run(libp2p::read_length_prefixed(stream, wire::kAnnouncementBytesMax));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_TRUE(wire::decode_announcement(*answer));
  ASSERT_TRUE(run(stream.close_write()));
}

// Nodes with too many connections close some: often just then when they are asked by them.
TEST_F(GossipCarrierTest, WhoPartsWithUsAsWeAskIsAskedAgain) {
  add();
  add();
  connect(*nodes_[1], *nodes_[0]);
  pass(1s);
  store(*tellers_[0], 0, 1);
  const auto question = wire::encode_announcement(wire::SumsWanted{0});
  nodes_[0]->host->disconnect(nodes_[1]->id());
  EXPECT_TRUE(run(tellers_[1]->carrier->ask(nodes_[0]->id(), model_, question, clock_.now() + 5s)));
}

TEST_F(GossipCarrierTest, QuestionsThatAreNoneGetNoAnswer) {
  add();
  add();
  connect(*nodes_[1], *nodes_[0]);
  pass(1s);
  const auto ask = [&](const Fingerprint& model, base::Bytes question) {
    return run(tellers_[1]->carrier->ask(nodes_[0]->id(), model, std::move(question), clock_.now() + 5s));
  };
  EXPECT_FALSE(ask(model_, wire::encode_announcement(wire::SumsWanted{0}))) << "nothing was ever stored";
  store(*tellers_[0], 0, 1);
  EXPECT_TRUE(ask(model_, wire::encode_announcement(wire::SumsWanted{0})));
  EXPECT_FALSE(ask(Fingerprint{{8}}, wire::encode_announcement(wire::SumsWanted{0})));
  EXPECT_FALSE(ask(model_, {1, 2, 3}));
  EXPECT_FALSE(ask(model_, base::Bytes(5000)));
}

TEST_F(GossipCarrierTest, WhatIsNoAnnouncementCostsItsSender) {
  add();
  add();
  connect(*nodes_[1], *nodes_[0]);
  pass(2s);
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(nodes_[1]->pubsub->publish(blocks_topic(model_), base::as_bytes("junk " + std::to_string(i))));
  }
  pass(1s);
  EXPECT_LT(nodes_[0]->pubsub->score(nodes_[1]->id()), 0);
}

}  // namespace
}  // namespace kvp2p
