// Peers that hold the cluster key, do wrong, and are found out; and honest ones that must not be.
#include "exchange/dispatcher.h"
#include "exchange/limits.h"
#include "exchange/testing/hostile_peer.h"
#include "wire/codec.h"

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;

class BansTest : public HostilePeerTest {
 protected:
  ~BansTest() override { control_.reset(); }

  void announce(std::vector<BlockKey> stored, std::vector<BlockKey> evicted = {}, ObjectFormat format = test_format()) {
    wire::Announce message;
    message.sequence = ++sequence_;
    message.fingerprint = request(0, 1).fingerprint;
    if (!stored.empty()) message.format = format;
    message.stored = std::move(stored);
    message.evicted = std::move(evicted);
    peer_.send(*control_, 0, message);
  }
  /// The node looks a block up at the peer, which says that it does not have it.
  void deny(std::uint32_t number, const std::string& reason = {}) {
    auto asked = start(node_.exchange->lookup(peer_.host.peer_id(), request(number, 1), in(1s)));
    poll();
    std::optional<wire::Message> message;
    do message = peer_.receive(*control_);
    while (message && !std::holds_alternative<wire::Lookup>(message->body));
    ASSERT_TRUE(message);
    LookupAnswer answer;
    answer.blocks.resize(1);
    answer.reason = reason;
    peer_.send(*control_, message->id, to_wire(answer, test_format()));
    poll();
    ASSERT_TRUE(*asked && **asked);
  }
  void ban() {
    for (int i = 0; i < 2; ++i) node_.exchange->note(peer_.host.peer_id(), Offence::kWrongBytes);
  }
  std::vector<BlockKey> keys(std::uint32_t count) {
    std::vector<BlockKey> made;
    for (std::uint32_t i = 0; i < count; ++i) made.push_back(test_key(number_++));
    return made;
  }
  void announce_keys(std::uint32_t count) {
    announce(keys(count));
    poll();
  }
  bool is_banned() const { return node_.exchange->is_banned(peer_.host.peer_id()); }
  bool is_connected() const { return !node_.host.connections().empty(); }

 private:
  std::uint64_t sequence_ = 0;
  std::uint32_t number_ = 1'000'000;
  /// The node closes it, and the stream by hand is of it.
  const std::vector<std::shared_ptr<libp2p::Connection>> connections_ = peer_.host.connections();
};

TEST_F(BansTest, WhoIsBannedIsDisconnectedForgottenAndRefusedWhenItComesBack) {
  announce({test_key(50)});
  EXPECT_EQ(node_.index.pairs(), 1u);
  ban();
  poll();
  EXPECT_FALSE(is_connected());
  EXPECT_TRUE(node_.exchange->peers().empty());
  EXPECT_EQ(node_.index.pairs(), 0u);
  EXPECT_EQ(node_.exchange->stats().peers_banned, 1u);
  peer_.host.dial(node_.host);
  poll();
  EXPECT_FALSE(is_connected());
  advance(Conduct::kBanTime);
  peer_.host.dial(node_.host);
  poll();
  EXPECT_TRUE(is_connected());
  EXPECT_TRUE(peer_.say_hello(node_.host, test_cluster_key()).result->authorised);
}

TEST_F(BansTest, ABannedPeerIsNotDialledEither) {
  ban();
  poll();
  node_.host.dial(peer_.host);
  poll();
  EXPECT_FALSE(is_connected());
}

TEST_F(BansTest, WhoGoesOnAnnouncingWhatItDoesNotHaveIsBanned) {
  std::vector<BlockKey> keys;
  for (std::uint32_t i = 100; i < 120; ++i) keys.push_back(test_key(i));
  announce(keys);
  std::uint32_t denied = 0;
  for (; !is_banned(); ++denied) {
    ASSERT_LT(denied, 20u);
    deny(100 + denied);
    advance(kPromiseGrace);
  }
  EXPECT_GT(denied, 1u) << "not at once";
  poll();
  EXPECT_FALSE(is_connected());
}

TEST_F(BansTest, WhatIsFoundMissingIsNotPromisedAnyMore) {
  announce({test_key(100), test_key(101)});
  deny(100);
  advance(kPromiseGrace);
  EXPECT_EQ(node_.index.pairs(), 1u);
}

TEST_F(BansTest, WhoTellsOfItsEvictionsSoonKeepsItsPromises) {
  for (std::uint32_t i = 100; i < 150; ++i) {
    announce({test_key(i)});
    deny(i);
    advance(kAnnounceDelay);
    announce({}, {test_key(i)});
    advance(kPromiseGrace);
  }
  EXPECT_FALSE(is_banned());
}

TEST_F(BansTest, WhoHasItInAnotherFormatOrGivesAReasonKeepsItsPromises) {
  ObjectFormat other = test_format();
  other.head_dim *= 2;
  for (std::uint32_t i = 100; i < 150; ++i) {
    announce({test_key(i)});
    deny(i, "too many leases");
    advance(kPromiseGrace);
  }
  announce({test_key(200)}, {}, other);
  for (std::uint32_t i = 100; i < 150; ++i) {
    deny(i);
    advance(kPromiseGrace);
  }
  EXPECT_FALSE(is_banned());
}

TEST_F(BansTest, AFloodOfAnnouncementsIsDroppedAndItsAuthorBanned) {
  constexpr std::uint32_t kKeys = 4096;
  std::size_t messages = 0;
  for (; !is_banned() && messages < 1000; ++messages) {
    announce_keys(kKeys);
    advance(20ms);
  }
  EXPECT_TRUE(is_banned());
  EXPECT_GT(node_.exchange->stats().announcements_dropped, 0u);
  EXPECT_LE(messages * kKeys, 4 * kAnnouncedKeysMax);
}

TEST_F(BansTest, WhatIsBeyondTheBudgetIsDroppedUndecoded) {
  while (node_.exchange->stats().announcements_dropped == 0) {
    announce_keys(4096);
    advance(20ms);
  }
  // An announcement by its outside, and nothing inside.
  wire::Announce outside;
  outside.stored = keys(4096);
  base::Bytes bad = wire::encode_framed({0, std::move(outside)});
  std::fill(bad.begin() + 16, bad.end(), 0xff);
  peer_.send_bytes(*control_, bad);
  poll();
  EXPECT_EQ(node_.exchange->stats().announcements_dropped, 2u);
  EXPECT_TRUE(is_alive());
}

TEST_F(BansTest, NewsOfAStrangerAreTakenInTheirTurn) {
  constexpr std::size_t kMessages = 8;
  for (std::size_t i = 0; i < kMessages; ++i) announce_keys(4096);
  EXPECT_GT(node_.index.pairs(), 0u);
  EXPECT_LE(node_.index.pairs(), kStrangerTurnsSaved);
  for (int i = 0; i < 100; ++i) advance(20ms);
  EXPECT_EQ(node_.index.pairs(), kMessages * 4096);
  EXPECT_FALSE(is_banned());
}

TEST_F(BansTest, WhatIsEvictedWhileItsNewsWaitIsNotTakenForHeld) {
  for (int i = 0; i < 6; ++i) announce_keys(4096);
  const auto late = keys(100);
  announce(late);
  announce({}, late);
  announce({late.front()});
  for (int i = 0; i < 100; ++i) advance(20ms);
  EXPECT_EQ(node_.index.pairs(), 6u * 4096 + 1);
}

TEST_F(BansTest, NewsThatWaitAreForgottenWhenAllIsCleared) {
  for (int i = 0; i < 8; ++i) announce_keys(4096);
  wire::Announce cleared;
  cleared.sequence = 1000;
  cleared.cleared = true;
  peer_.send(*control_, 0, cleared);
  for (int i = 0; i < 100; ++i) advance(20ms);
  EXPECT_EQ(node_.index.pairs(), 0u);
}

TEST_F(BansTest, WhoHasProvedGoodNeedNotWait) {
  prove_good();
  for (int i = 0; i < 8; ++i) announce_keys(4096);
  EXPECT_EQ(node_.index.pairs(), 8u * 4096);
}

TEST(UnaskedTest, AnswersAndCreditAreNot) {
  EXPECT_TRUE(is_unasked(wire::number_of<wire::Announce>()));
  EXPECT_TRUE(is_unasked(wire::number_of<wire::Lookup>()));
  EXPECT_TRUE(is_unasked(wire::number_of<wire::Ping>()));
  EXPECT_FALSE(is_unasked(wire::number_of<wire::LookupAnswer>()));
  EXPECT_FALSE(is_unasked(wire::number_of<wire::Pong>()));
  EXPECT_FALSE(is_unasked(wire::number_of<wire::Credit>()));
}

TEST_F(BansTest, WhatABannedStrangerSaysInItsTurnIsForgotten) {
  for (int i = 0; i < 8; ++i) announce_keys(4096);
  ban();
  advance(1s);
  EXPECT_EQ(node_.index.pairs(), 0u);
}

TEST_F(BansTest, AFloodOfPingsIsOne) {
  base::Bytes messages;
  for (std::uint64_t id = 1; id <= kFloodKeysPerSecond / kFloodMessageCost + 200; ++id) {
    base::append(messages, wire::encode_framed({id, wire::Pong{}}));
  }
  peer_.send_bytes(*control_, messages);
  poll();
  EXPECT_TRUE(is_banned());
}

TEST_F(BansTest, LookUpsBeyondItsShareAreNoOffence) {
  auto asked = to_wire(request(0, 1));
  asked.keys.resize(2048, test_key(77));
  for (int second = 0; second < 100; ++second) {
    for (std::uint64_t i = 0; i < kAskedKeysPerSecond / 4096; ++i) {
      peer_.send(*control_, second * 10'000 + i, asked);
      ASSERT_TRUE(peer_.receive(*control_));
      advance(8ms);
    }
  }
  EXPECT_FALSE(is_banned());
}

TEST_F(BansTest, ANodesOwnLookUpsAreNoFlood) {
  std::vector<std::shared_ptr<std::optional<base::Result<LookupAnswer>>>> asked;
  for (int i = 0; i < 900; ++i) {
    asked.push_back(start(node_.exchange->lookup(peer_.host.peer_id(), request(0, 2000), in(1s))));
  }
  poll();
  std::size_t keys = 0;
  const auto count = [&] {
    const auto messages = drain();
    ASSERT_TRUE(messages);
    for (const auto& message : *messages) {
      if (const auto* lookup = std::get_if<wire::Lookup>(&message.body)) keys += lookup->keys.size();
    }
  };
  count();
  EXPECT_GT(keys, 0u);
  EXPECT_LE(keys, kAskedKeysPerSecond / 4);
  for (int i = 0; i < 9; ++i) {
    advance(100ms);
    count();
  }
  EXPECT_GT(keys, kAskedKeysPerSecond * 8 / 10);
  EXPECT_LE(keys, kAskedKeysPerSecond * 5 / 4);
  advance(1s);
}

}  // namespace
}  // namespace kvp2p::testing
