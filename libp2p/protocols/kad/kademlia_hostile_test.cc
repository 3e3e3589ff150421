// Peers that do not play by the rules: what they cost us, and what becomes of them.
#include "libp2p/core/message_reader.h"
#include "libp2p/protocols/kad/testing/kad_fixture.h"
#include "libp2p/protocols/kad/testing/kad_net.h"
#include "multiformats/varint.h"

#include <gtest/gtest.h>

namespace libp2p::kad {
namespace {

using namespace std::chrono_literals;
using testing::bytes;

base::Bytes framed(base::ConstBytes message) {
  base::Bytes frame;
  multiformats::append_uvarint(frame, message.size());
  base::append(frame, message);
  return frame;
}
base::Bytes framed(const Message& message) { return framed(serialise_message(message)); }

base::Task<> keep_stream(std::vector<std::shared_ptr<Stream>>& kept, std::unique_ptr<Stream> stream) {
  kept.push_back(std::move(stream));
  co_return;
}

/// Answers each request with these bytes.
base::Task<> answer_with(base::Clock& clock, std::shared_ptr<Stream> stream, base::Bytes answer,
                         std::size_t& requests) {
  for (;;) {
    auto request = co_await read_message(*stream, clock, 1 << 20);
    if (!request || !*request) break;
    ++requests;
    auto written = co_await stream->write(answer);
    if (!written) break;
  }
}

class KademliaHostileTest : public testing::KadFixture {
 protected:
  void TearDown() override {
    for (auto& stream : streams_) stream->reset();
    poll();
    streams_.clear();
    KadFixture::TearDown();
  }

  /// A node, and somebody who says to be a server.
  void connect_attacker(const std::function<void(Config&)>& change = {}) {
    victim_ = &add_node(Mode::kServer, change);
    attacker_ = &add_plain();
    attacker_->host->set_stream_handler(kOwnProtocol,
                                        [this](std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
                                          if (!answer_) return keep_stream(streams_, std::move(stream));
                                          return answer_with(clock_, std::move(stream), *answer_, requests_);
                                        });
    connection_ = connect(*attacker_, *victim_);
  }
  std::shared_ptr<Stream> open() {
    std::vector<std::string> protocols{kOwnProtocol};
    streams_.push_back(run(connection_->new_stream(std::move(protocols))).value().stream);
    return streams_.back();
  }
  /// Whether the stream took it, in a moment.
  bool send(const std::shared_ptr<Stream>& stream, base::Bytes frame) {
    auto outcome = std::make_shared<std::optional<bool>>();
    base::spawn(io_.get_executor(), write(stream, std::move(frame), outcome));
    poll();
    return outcome->value_or(false);
  }
  static base::Task<> write(std::shared_ptr<Stream> stream, base::Bytes frame,
                            std::shared_ptr<std::optional<bool>> outcome) {
    auto written = co_await stream->write(frame);
    *outcome = written.has_value();
  }
  std::optional<Message> receive(const std::shared_ptr<Stream>& stream) {
    auto answer = finish(read_message(*stream, clock_, 1 << 20));
    if (!answer || !*answer) return std::nullopt;
    return parse_message(**answer).value();
  }
  bool is_reset(const std::shared_ptr<Stream>& stream) { return !send(stream, base::Bytes(100)); }

  Node* victim_ = nullptr;
  Node* attacker_ = nullptr;
  std::shared_ptr<Connection> connection_;
  std::vector<std::shared_ptr<Stream>> streams_;
  /// What the attacker answers; nothing at all if not set.
  std::optional<base::Bytes> answer_;
  std::size_t requests_ = 0;
};

TEST_F(KademliaHostileTest, AnHonestPeerByHandIsAnswered) {
  connect_attacker();
  const auto stream = open();
  for (int i = 0; i < 3; ++i) {
    send(stream, framed({.type = MessageType::kFindNode, .key = bytes("key")}));
    EXPECT_EQ(receive(stream)->type, MessageType::kFindNode);
  }
}

TEST_F(KademliaHostileTest, WhatIsNoRequestEndsTheStream) {
  connect_attacker();
  const std::vector<base::Bytes> bad{
      framed(bytes("no message")),
      framed({.type = MessageType::kFindNode}),
      framed({.type = MessageType::kPutValue, .key = bytes("/pk/a"), .record = Record{bytes("/pk/a"), bytes("x")}}),
      framed(
          {.type = MessageType::kPutValue, .key = bytes("/other/a"), .record = Record{bytes("/other/a"), bytes("x")}}),
      {0xff, 0xff, 0xff, 0xff, 0x7f},
      base::Bytes(20, 0xff),
  };
  for (const base::Bytes& each : bad) {
    const auto stream = open();
    send(stream, each);
    EXPECT_TRUE(is_reset(stream)) << base::to_hex(each);
  }
  EXPECT_EQ(victim_->kad->stats().records, 0u);
  EXPECT_EQ(victim_->kad->stats().inbound_streams, 0u);
}

TEST_F(KademliaHostileTest, ARequestThatNeverEndsIsGivenUp) {
  connect_attacker();
  const auto stream = open();
  base::Bytes part;
  multiformats::append_uvarint(part, 1000);
  part.resize(500);
  EXPECT_TRUE(send(stream, part));
  pass(11s);
  EXPECT_TRUE(is_reset(stream));
}

TEST_F(KademliaHostileTest, StreamsThatSayNothingAreBoundedAndEnd) {
  connect_attacker();
  std::vector<std::shared_ptr<Stream>> opened;
  for (std::size_t i = 0; i < 100; ++i) {
    opened.push_back(open());
    send(opened.back(), base::Bytes(1, 0x7f));
  }
  EXPECT_EQ(victim_->kad->stats().inbound_streams, Limits().inbound_streams_per_peer_max);
  pass(62s);
  EXPECT_EQ(victim_->kad->stats().inbound_streams, 0u);
}

TEST_F(KademliaHostileTest, AFloodOfRequestsWaits) {
  connect_attacker();
  const base::Bytes request = framed({.type = MessageType::kFindNode, .key = bytes("key")});
  base::Bytes many;
  for (int i = 0; i < 1000; ++i) base::append(many, request);
  for (int i = 0; i < 10; ++i) send(open(), many);
  const auto at_once = victim_->kad->stats().behaviour.requests_received;
  EXPECT_LE(at_once, Limits().requests_burst);
  pass(1s);
  const auto later = victim_->kad->stats().behaviour.requests_received;
  EXPECT_LE(later - at_once, 110u);
  EXPECT_GT(later - at_once, 50u);
  // And others do not wait.
  Node& other = add_node();
  connect(other, *victim_);
  EXPECT_TRUE(finish(other.kad->find_closest(bytes("key"))));
}

TEST_F(KademliaHostileTest, ProvidersThatAreNotTheSenderAreNotStored) {
  connect_attacker();
  const auto stream = open();
  const PeerEntry somebody{testing::peer(5), {testing::address_of(5)}};
  send(stream, framed({.type = MessageType::kAddProvider, .key = bytes("key"), .providers = {somebody}}));
  EXPECT_EQ(victim_->kad->stats().providers, 0u);
  const PeerEntry itself{attacker_->id(), {testing::address_of(5)}};
  send(stream, framed({.type = MessageType::kAddProvider, .key = bytes("key"), .providers = {itself}}));
  EXPECT_EQ(victim_->kad->stats().providers, 1u);
}

TEST_F(KademliaHostileTest, AnnouncedKeysOfOneProviderAreBounded) {
  connect_attacker([](Config& config) {
    config.limits.keys_per_provider_max = 50;
    config.limits.requests_burst = 1000;
  });
  const auto stream = open();
  const PeerEntry itself{attacker_->id(), {testing::address_of(5)}};
  for (int i = 0; i < 200; ++i) {
    send(stream, framed({.type = MessageType::kAddProvider, .key = bytes(std::to_string(i)), .providers = {itself}}));
  }
  EXPECT_EQ(victim_->kad->stats().providers, 50u);
}

base::Task<> read_twice(std::shared_ptr<Stream> stream, base::Clock& clock, int& requests, int& ends) {
  auto request = co_await read_message(*stream, clock, 1 << 20);
  if (request && *request) ++requests;
  auto end = co_await read_message(*stream, clock, 1 << 20);
  if (end && !*end) ++ends;
}

TEST_F(KademliaHostileTest, ARequestEndsOnceItIsAnswered) {
  connect_attacker();
  const auto outcome = std::make_shared<std::optional<base::Result<std::vector<PeerEntry>>>>();
  const auto find = [](Kademlia& kad, auto into) -> base::Task<> {
    into->emplace(co_await kad.find_closest(bytes("key")));
  };
  streams_.clear();
  base::spawn(io_.get_executor(), find(*victim_->kad, outcome));
  poll();
  ASSERT_EQ(streams_.size(), 1u);
  int requests = 0;
  int ends = 0;
  base::spawn(io_.get_executor(), read_twice(streams_.back(), clock_, requests, ends));
  poll();
  EXPECT_EQ(requests, 1);
  EXPECT_EQ(ends, 0);
  send(streams_.back(), framed({.type = MessageType::kFindNode, .key = bytes("key")}));
  EXPECT_EQ(ends, 1);
  EXPECT_TRUE(outcome->has_value());
}

TEST_F(KademliaHostileTest, WhoSaysNothingCostsTime) {
  connect_attacker();
  Node& honest = add_node();
  connect(*victim_, honest);
  const auto closest = finish(victim_->kad->find_closest(bytes("key"))).value();
  EXPECT_EQ(testing::ids(closest), std::vector{honest.id()});
  // Twice silent, and it is forgotten.
  pass(25min);
  EXPECT_FALSE(victim_->kad->table().find(attacker_->id()));
}

TEST_F(KademliaHostileTest, WhoAnswersNonsenseIsForgotten) {
  const std::vector<base::Bytes> answers{
      framed(bytes("no message")),
      framed({.type = MessageType::kPing}),
      base::Bytes(10, 0xff),
      {0xff, 0xff, 0xff, 0x7f},
  };
  for (const base::Bytes& each : answers) {
    answer_ = each;
    connect_attacker();
    for (int i = 0; i < 2; ++i) (void)finish(victim_->kad->find_closest(bytes("key")));
    EXPECT_FALSE(victim_->kad->table().find(attacker_->id()));
    EXPECT_GE(requests_, 1u);
  }
}

TEST_F(KademliaHostileTest, PeersThatAreNotThereCostFewDials) {
  Message lie{.type = MessageType::kFindNode, .key = bytes("key")};
  for (std::uint32_t i = 0; i < 100; ++i) {
    lie.closer.push_back({testing::peer(1000 + i), {testing::address_of(1000 + i)}});
  }
  answer_ = framed(lie);
  connect_attacker();
  Node& honest = add_node();
  connect(*victim_, honest);
  const auto before = victim_->kad->stats().behaviour.requests_sent;
  const auto closest = testing::ids(finish(victim_->kad->find_closest(bytes("key"))).value());
  EXPECT_EQ(closest.size(), 2u);
  EXPECT_LE(victim_->kad->stats().behaviour.requests_sent - before, 2u + 20u);
}

TEST_F(KademliaHostileTest, AnAnswerOfTheGreatestSizeIsTaken) {
  Message full{.type = MessageType::kFindNode, .key = bytes("key")};
  base::Bytes answer = serialise_message(full);
  // An unknown field, as long as it may be.
  base::Bytes padding;
  multiformats::append_uvarint(padding, 15 << 3 | 2);
  multiformats::append_uvarint(padding, 500'000);
  padding.resize(padding.size() + 500'000);
  base::append(answer, padding);
  answer_ = framed(answer);
  connect_attacker();
  EXPECT_EQ(finish(victim_->kad->find_closest(bytes("key"))).value().size(), 1u);
}

}  // namespace
}  // namespace libp2p::kad
