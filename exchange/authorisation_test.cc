// Who may: nodes with other keys, without keys, with trust lists; and peers that try to get round it.
#include "exchange/exchange_error.h"
#include "exchange/testing/raw_peer.h"
#include "exchange/testing/test_node.h"

#include "wire/codec.h"
#include "wire/example_messages.h"
#include "wire/limits.h"

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;

class AuthorisationTest : public ExchangeTest {
 protected:
  /// A closed node that holds blocks, and a stranger connected to it.
  AuthorisationTest() : stranger_(io_, 200), node_(add_node()) {
    for (std::uint32_t i = 0; i < 4; ++i) node_.blocks.add(i);
    stranger_.host.dial(node_.host);
    poll();
  }

  RawPeer stranger_;
  TestNode& node_;
};

TEST_F(ExchangeTest, NodesWithDifferentKeysRefuseEachOther) {
  auto& a = add_node();
  auto& b = add_node({.cluster_key = base::Bytes(32, 1)});
  b.blocks.add(0);
  a.host.dial(b.host);
  poll();
  EXPECT_TRUE(a.exchange->peers().empty());
  EXPECT_TRUE(b.exchange->peers().empty());
  auto answer = finish(a.exchange->lookup(b.id(), request(0, 1), in(1s)));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error(), ExchangeError::kNotAuthorised);
  EXPECT_EQ(b.blocks.calls, 0u);
  EXPECT_EQ(a.index.pairs() + b.index.pairs(), 0u);
  auto ping = finish(a.exchange->ping(b.id(), in(1s)));
  ASSERT_TRUE(ping);
  EXPECT_TRUE(*ping) << "ping is for everyone";
}

TEST_F(ExchangeTest, OpenNodesServeAnyone) {
  auto& a = add_node({.open = true, .cluster_key = {}});
  auto& b = add_node({.open = true, .cluster_key = {}});
  b.blocks.add(0);
  a.host.dial(b.host);
  poll();
  EXPECT_EQ(a.exchange->peers().size(), 1u);
  EXPECT_TRUE(look_up(a, b.id(), request(0, 1)).blocks.at(0).present);
}

TEST_F(ExchangeTest, AClosedNodeDoesNotAskAnOpenOneWithoutTheKey) {
  auto& closed = add_node();
  auto& open = add_node({.open = true, .cluster_key = {}});
  open.blocks.add(0);
  closed.host.dial(open.host);
  poll();
  EXPECT_TRUE(closed.exchange->peers().empty());
  EXPECT_EQ(closed.index.pairs(), 0u) << "what an unproven peer announces is not believed";
  auto answer = finish(closed.exchange->lookup(open.id(), request(0, 1), in(1s)));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error(), ExchangeError::kNotAuthorised);
}

TEST_F(ExchangeTest, NodesThatTrustEachOthersPeerIdsNeedNoCommonKey) {
  // Peer ids are given by the order of add_node.
  FakeHost first(io_.get_executor(), 1);
  FakeHost second(io_.get_executor(), 2);
  auto& a = add_node({.trusted = {second.peer_id()}});
  auto& b = add_node({.cluster_key = base::Bytes(32, 1), .trusted = {first.peer_id()}});
  b.blocks.add(0);
  a.host.dial(b.host);
  poll();
  EXPECT_EQ(a.exchange->peers().size(), 1u);
  EXPECT_TRUE(look_up(a, b.id(), request(0, 1)).blocks.at(0).present);
}

TEST_F(ExchangeTest, TrustOnOneSideOnlyIsNotEnough) {
  FakeHost second(io_.get_executor(), 2);
  auto& a = add_node({.trusted = {second.peer_id()}});
  auto& b = add_node({.cluster_key = base::Bytes(32, 1)});
  a.host.dial(b.host);
  poll();
  EXPECT_TRUE(a.exchange->peers().empty());
  EXPECT_TRUE(b.exchange->peers().empty());
}

TEST_F(AuthorisationTest, ANodeThatAsksForEverythingGetsNothing) {
  auto hello = stranger_.say_hello(node_.host, {});
  ASSERT_TRUE(hello.result);
  EXPECT_FALSE(hello.result->authorised);
  EXPECT_FALSE(hello.result->session);
  EXPECT_NE(hello.result->reason.find("cluster key"), std::string::npos);
  const std::set<std::string_view> requests = {"lookup",   "get",   "credit",  "cancel",     "put",
                                               "announce", "stats", "release", "direct_open"};
  for (const auto& message : wire::example_messages()) {
    if (!requests.contains(wire::name_of(message.body))) continue;
    stranger_.send(*hello.control, message.id, message.body);
    auto answer = stranger_.receive(*hello.control);
    ASSERT_TRUE(answer) << wire::name_of(message.body);
    EXPECT_EQ(answer->id, message.id);
    const auto* error = std::get_if<wire::ErrorMessage>(&answer->body);
    ASSERT_NE(error, nullptr) << wire::name_of(message.body) << " got " << wire::name_of(answer->body);
    EXPECT_EQ(error->code, static_cast<std::uint32_t>(wire::ErrorCode::kNotAuthorised));
  }
  stranger_.send(*hello.control, 77, wire::Ping{});
  auto pong = stranger_.receive(*hello.control);
  ASSERT_TRUE(pong);
  EXPECT_TRUE(std::holds_alternative<wire::Pong>(pong->body));
  EXPECT_EQ(node_.blocks.calls, 0u);
  EXPECT_EQ(node_.index.pairs(), 0u);
  EXPECT_EQ(node_.exchange->stats().bytes_sent, 0u);
  EXPECT_TRUE(node_.exchange->peers().empty());
}

TEST_F(AuthorisationTest, AnswersThatNobodyAskedForChangeNothing) {
  auto hello = stranger_.say_hello(node_.host, {});
  const std::set<std::string_view> answers = {"lookup_answer", "gone",    "get_end", "busy",        "error",
                                              "put_answer",    "put_end", "pong",    "stats_answer"};
  for (const auto& message : wire::example_messages()) {
    if (answers.contains(wire::name_of(message.body))) stranger_.send(*hello.control, message.id, message.body);
  }
  stranger_.send(*hello.control, 77, wire::Ping{});
  auto next = stranger_.receive(*hello.control);
  while (next && std::holds_alternative<wire::Release>(next->body)) next = stranger_.receive(*hello.control);
  ASSERT_TRUE(next);
  EXPECT_TRUE(std::holds_alternative<wire::Pong>(next->body));
  EXPECT_EQ(node_.blocks.calls, 0u);
}

TEST_F(AuthorisationTest, DataStreamsNeedASessionOfTheSamePeer) {
  auto guessed = stranger_.open_data(node_.host, wire::SessionId{}, 1);
  EXPECT_TRUE(stranger_.is_ended(*guessed));

  // The session of a peer that may is of no use to another.
  RawPeer member(io_, 201);
  member.host.dial(node_.host);
  auto hello = member.say_hello(node_.host, test_cluster_key());
  ASSERT_TRUE(hello.result && hello.result->session);
  auto stolen = stranger_.open_data(node_.host, *hello.result->session, 1);
  EXPECT_TRUE(stranger_.is_ended(*stolen));
  auto own = member.open_data(node_.host, *hello.result->session, 1);
  EXPECT_FALSE(member.is_ended(*own));
}

TEST_F(AuthorisationTest, AReflectedProofIsRefused) {
  auto hello = stranger_.say_hello(node_.host, {},
                                   [](const HelloTranscript&, const wire::HelloProof& theirs) { return theirs; });
  ASSERT_TRUE(hello.result);
  EXPECT_FALSE(hello.result->authorised);
}

TEST_F(AuthorisationTest, AProofForAnotherHelloIsRefused) {
  auto hello = stranger_.say_hello(node_.host, {}, [](HelloTranscript transcript, const wire::HelloProof&) {
    transcript.acceptor_nonce[0] ^= 1;
    return wire::HelloProof{cluster_proof(test_cluster_key(), transcript, HelloRole::kOpener)};
  });
  ASSERT_TRUE(hello.result);
  EXPECT_FALSE(hello.result->authorised);
}

TEST_F(AuthorisationTest, TheRightProofIsAccepted) {
  auto hello = stranger_.say_hello(node_.host, test_cluster_key());
  ASSERT_TRUE(hello.result);
  EXPECT_TRUE(hello.result->authorised);
  EXPECT_TRUE(hello.their_proof.mac);
}

TEST_F(AuthorisationTest, WhoSaysNothingIsCutOff) {
  auto silent = stranger_.open(node_.host);
  advance(10s);
  EXPECT_TRUE(stranger_.is_ended(*silent));

  auto half = stranger_.open(node_.host);
  wire::Hello ours;
  ours.versions = {1};
  stranger_.send(*half, 0, ours);
  EXPECT_TRUE(stranger_.receive(*half));
  EXPECT_TRUE(stranger_.receive(*half));
  advance(10s);
  EXPECT_TRUE(stranger_.is_ended(*half));
}

TEST_F(AuthorisationTest, AnotherVersionIsToldSo) {
  auto stream = stranger_.open(node_.host);
  wire::Hello ours;
  ours.versions = {2, 3};
  stranger_.send(*stream, 0, ours);
  auto answer = stranger_.receive(*stream);
  ASSERT_TRUE(answer);
  ASSERT_TRUE(std::holds_alternative<wire::ErrorMessage>(answer->body));
}

TEST_F(AuthorisationTest, AHugeFirstMessageIsRefusedUnread) {
  auto stream = stranger_.open(node_.host);
  stranger_.send_bytes(*stream, {0xff, 0xff, 0x7f});
  EXPECT_TRUE(stranger_.is_ended(*stream));
}

}  // namespace
}  // namespace kvp2p::testing
