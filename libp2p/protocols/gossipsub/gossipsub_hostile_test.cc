// Peers that do not play by the rules: what they cost us, and what becomes of them.
#include "libp2p/protocols/gossipsub/testing/pubsub_fixture.h"
#include "libp2p/protocols/gossipsub/testing/test_peers.h"

#include <gtest/gtest.h>

namespace libp2p::gossipsub {
namespace {

using namespace std::chrono_literals;

/// Takes a stream and never reads it.
base::Task<> keep_unread(std::vector<std::shared_ptr<Stream>>& kept, std::unique_ptr<Stream> stream) {
  kept.push_back(std::move(stream));
  co_return;
}

/// Counts what comes.
base::Task<> read_all(std::shared_ptr<Stream> stream, std::size_t& bytes) {
  base::Bytes chunk(64 * 1024);
  for (;;) {
    auto count = co_await stream->read_some(chunk);
    if (!count || *count == 0) co_return;
    bytes += *count;
  }
}

class GossipsubHostileTest : public testing::PubsubFixture {
 protected:
  void TearDown() override {
    for (auto& stream : streams_) stream->reset();
    poll();
    streams_.clear();
    PubsubFixture::TearDown();
  }

  /// A node, and somebody who says to speak gossipsub, in the node's topic. Takes what it is sent, or does not.
  void connect_attacker(bool reads = true) {
    victim_ = &add_node(change_victim);
    subscribe(*victim_);
    attacker_ = &add_plain();
    attacker_->host->set_stream_handler(kProtocol11,
                                        [this, reads](std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
                                          if (!reads) return keep_unread(streams_, std::move(stream));
                                          return read_all(std::shared_ptr<Stream>(std::move(stream)), received_bytes_);
                                        });
    connection_ = connect(*attacker_, *victim_);
    open();
    send(serialise_subscriptions({{true, kTopic}}).at(0));
  }
  /// A stream to the victim.
  void open() {
    std::vector<std::string> protocols{kProtocol11};
    streams_.push_back(run(connection_->new_stream(std::move(protocols))).value().stream);
    stream_ = streams_.back();
  }
  /// Whether the stream took it, in a moment.
  bool send(base::Bytes bytes) {
    auto outcome = std::make_shared<std::optional<bool>>();
    base::spawn(io_.get_executor(), write(stream_, std::move(bytes), outcome));
    poll();
    return outcome->value_or(false);
  }
  static base::Task<> write(std::shared_ptr<Stream> stream, base::Bytes bytes,
                            std::shared_ptr<std::optional<bool>> outcome) {
    auto written = co_await stream->write(bytes);
    *outcome = written.has_value();
  }
  MessagePtr message(std::uint64_t seqno, const std::string& data = "data") {
    return sign_message(keys_[1], seqno, kTopic, base::as_bytes(data), default_message_id);
  }
  bool is_graylisted() const { return score() < ScoreThresholds().graylist; }
  double score() const { return victim_->pubsub->score(attacker_->id()); }

  std::function<void(Config&)> change_victim;
  Node* victim_ = nullptr;
  Node* attacker_ = nullptr;
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<Stream> stream_;
  std::vector<std::shared_ptr<Stream>> streams_;
  std::size_t received_bytes_ = 0;
};

TEST_F(GossipsubHostileTest, AnHonestPeerByHandIsHeard) {
  connect_attacker();
  EXPECT_TRUE(send(*message(1)->frame));
  EXPECT_EQ(victim_->delivered.size(), 1u);
  pass(3s);
  EXPECT_EQ(victim_->pubsub->mesh_peers(kTopic), std::vector{attacker_->id()});
}

TEST_F(GossipsubHostileTest, ALengthThatIsTooMuchEndsTheStream) {
  connect_attacker();
  base::Bytes length;
  multiformats::append_uvarint(length, Limits().rpc_bytes_max + 1);
  send(length);
  EXPECT_FALSE(send(base::Bytes(100)));
  EXPECT_LT(score(), 0);
}

TEST_F(GossipsubHostileTest, WhatIsNoRpcEndsTheStreamAndSoonTheHearing) {
  connect_attacker();
  for (int i = 0; i < 3; ++i) {
    send({0x02, 0x0f, 0xff});
    EXPECT_FALSE(send(base::Bytes(100)));
    open();
  }
  EXPECT_TRUE(is_graylisted());
  send(*message(1)->frame);
  EXPECT_TRUE(victim_->delivered.empty());
}

TEST_F(GossipsubHostileTest, AnRpcThatNeverEndsIsGivenUp) {
  connect_attacker();
  base::Bytes part;
  multiformats::append_uvarint(part, 1000);
  part.resize(500);
  EXPECT_TRUE(send(part));
  pass(11s);
  EXPECT_FALSE(send(base::Bytes(100)));
}

TEST_F(GossipsubHostileTest, ForgedMessagesAreHeardNoMore) {
  connect_attacker();
  Node& other = add_node();
  subscribe(other);
  connect(other, *victim_);
  pass(2s);
  for (std::uint64_t i = 0; i < 50; ++i) {
    base::Bytes frame = *message(i)->frame;
    frame.back() ^= 1;
    send(frame);
  }
  EXPECT_TRUE(is_graylisted());
  EXPECT_TRUE(victim_->delivered.empty());
  EXPECT_LE(victim_->pubsub->stats().router.invalid, 4u);
  send(*message(100)->frame);
  EXPECT_TRUE(victim_->delivered.empty());
  pass(2s);
  EXPECT_EQ(victim_->pubsub->mesh_peers(kTopic), std::vector{other.id()});
  // Others are served as before.
  publish(other, "news");
  EXPECT_EQ(victim_->delivered, std::vector<std::string>{"news"});
  EXPECT_GE(victim_->pubsub->score(other.id()), 0);
  // Nor does it help to come anew.
  attacker_->host->disconnect(victim_->id());
  poll();
  connection_ = connect(*attacker_, *victim_);
  open();
  send(*message(101)->frame);
  EXPECT_EQ(victim_->delivered.size(), 1u);
  EXPECT_TRUE(is_graylisted());
}

TEST_F(GossipsubHostileTest, AGraylistedPeersBytesAreNotRead) {
  connect_attacker();
  for (int i = 0; i < 3; ++i) {
    base::Bytes frame = *message(1)->frame;
    frame.back() ^= 1;
    send(frame);
  }
  ASSERT_TRUE(is_graylisted());
  // The stream's window fills up, and that is all.
  const base::Bytes megabyte(1 << 20);
  EXPECT_FALSE(send(megabyte));
}

TEST_F(GossipsubHostileTest, WhoIsGraylistedCanBeDropped) {
  change_victim = [this](Config& config) {
    config.on_graylisted = [this](const multiformats::PeerId& peer) { victim_->host->disconnect(peer); };
  };
  connect_attacker();
  for (int i = 0; i < 3; ++i) {
    base::Bytes frame = *message(1)->frame;
    frame.back() ^= 1;
    send(frame);
  }
  EXPECT_FALSE(connection_->is_closed());
  pass(2s);
  EXPECT_TRUE(connection_->is_closed());
  EXPECT_TRUE(is_graylisted());
}

TEST_F(GossipsubHostileTest, OffersOfNothingAreHeardNoMore) {
  connect_attacker();
  pass(2s);
  for (int second = 0; second < 10 && !is_graylisted(); ++second) {
    for (int i = 0; i < 20; ++i) {
      Control control;
      control.ihave.push_back({kTopic, {}});
      for (int k = 0; k < 100; ++k) {
        control.ihave[0].ids.push_back("id " + std::to_string(second) + " " + std::to_string(i * 100 + k));
      }
      send(serialise_control(control).at(0));
    }
    pass(1s);
  }
  EXPECT_TRUE(is_graylisted());
  EXPECT_TRUE(victim_->pubsub->mesh_peers(kTopic).empty());
}

TEST_F(GossipsubHostileTest, AFloodOfGraftsIsHeardNoMore) {
  connect_attacker();
  pass(2s);
  send(serialise_control({.prune = {{.topic = kTopic, .backoff_s = 60}}}).at(0));
  for (int i = 0; i < 10; ++i) send(serialise_control({.graft = {kTopic}}).at(0));
  EXPECT_TRUE(is_graylisted());
}

TEST_F(GossipsubHostileTest, ManyStreamsAreOne) {
  connect_attacker();
  const auto first = stream_;
  for (int i = 0; i < 100; ++i) open();
  // Opened lazily, they are there with the first bytes.
  for (auto& stream : streams_) {
    stream_ = stream;
    send(serialise_subscriptions({{true, kTopic}}).at(0));
  }
  // Ours to it and one of its.
  pass(1s);
  EXPECT_LE(connection_->stream_count(), 2u);
}

TEST_F(GossipsubHostileTest, APeerThatTakesNothingIsBoundedAndHoldsNobodyUp) {
  change_victim = [](Config& config) { config.limits.queued_bytes_max = 256 * 1024; };
  connect_attacker(false);
  Node& other = add_node();
  subscribe(other);
  connect(other, *victim_);
  pass(2s);
  const std::string data(50'000, 'x');
  for (int i = 0; i < 200; ++i) {
    publish(*victim_, data);
    EXPECT_LE(victim_->pubsub->stats().queued_bytes, 512u * 1024);
    if (i % 4 == 0) pass(100ms);
  }
  EXPECT_EQ(other.delivered.size(), 200u);
  EXPECT_GT(victim_->pubsub->stats().dropped, 0u);
  // In the end its stream is given up, and what waited for it goes; it is tried again.
  const std::size_t streams = streams_.size();
  pass(35s);
  EXPECT_LT(victim_->pubsub->stats().queued_bytes, 1024u);
  EXPECT_GT(streams_.size(), streams);
}

TEST_F(GossipsubHostileTest, AFloodOfGoodMessagesIsCutToItsRate) {
  change_victim = [](Config& config) {
    config.limits.verifications_burst = 100;
    config.limits.verification_interval = 100ms;
  };
  connect_attacker();
  for (std::uint64_t i = 0; i < 1000; ++i) send(*message(i)->frame);
  EXPECT_EQ(victim_->delivered.size(), 100u);
  pass(1s);
  for (std::uint64_t i = 1000; i < 2000; ++i) send(*message(i)->frame);
  EXPECT_LE(victim_->delivered.size(), 111u);
}

TEST_F(GossipsubHostileTest, APeerThatSendsTooFastWaits) {
  change_victim = [](Config& config) {
    config.limits.read_bytes_burst = 100'000;
    config.limits.read_bytes_per_s = 10'000;
    // The attacker stays outside the mesh.
    config.mesh.d = config.mesh.d_low = config.mesh.d_out = config.mesh.d_score = 0;
  };
  connect_attacker();
  // Nothing but bytes: subscriptions that end at once.
  std::vector<SubOpts> nothing;
  for (int i = 0; i < 800; ++i) nothing.push_back({false, "some other topic"});
  const base::Bytes rpc = serialise_subscriptions(nothing).at(0);
  std::size_t taken = 0;
  // Beyond what is read now the stream's window fills up.
  while (taken < (1 << 20) && send(rpc)) taken += rpc.size();
  EXPECT_GE(taken, 100'000u);
  EXPECT_LE(taken, 400'000u);
  EXPECT_GE(score(), 0);
}

TEST_F(GossipsubHostileTest, AskingForTheSameAgainAndAgainIsNotAnswered) {
  connect_attacker();
  pass(2s);
  publish(*victim_, std::string(10'000, 'x'));
  pass(1s);
  const auto id = sign_message(keys_[0], 1, kTopic, {}, default_message_id)->id;
  for (int i = 0; i < 1000; ++i) send(serialise_control({.iwant = {id}}).at(0));
  // Once as one of the mesh, three times by IWANT.
  EXPECT_GE(received_bytes_, 40'000u);
  EXPECT_LE(received_bytes_, 45'000u);
}

TEST_F(GossipsubHostileTest, ClosingDoesNotWaitForWhoTakesNothing) {
  connect_attacker(false);
  pass(2s);
  for (int i = 0; i < 50; ++i) publish(*victim_, std::string(50'000, 'x'));
  bool closed = false;
  struct Close {
    static base::Task<> and_tell(Gossipsub& pubsub, bool& done) {
      co_await pubsub.close();
      done = true;
    }
  };
  base::spawn(io_.get_executor(), Close::and_tell(*victim_->pubsub, closed));
  poll();
  EXPECT_TRUE(closed);
}

}  // namespace
}  // namespace libp2p::gossipsub
