// When a session opens the direct path, and when it does not. The sockets themselves are direct/'s.
#include "direct/direct_client.h"
#include "direct/direct_server.h"
#include "direct/error.h"
#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/testing/raw_peer.h"
#include "exchange/testing/test_node.h"

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;

class TicketServer final : public DirectServer {
 public:
  void add_region(RegionId, std::uint32_t) override {}
  void remove_region(RegionId) override {}
  std::uint64_t generation(RegionId, Slot) const override { return 0; }
  void raise(RegionId, std::span<const Slot>) override {}
  bool has_old_reads() const override { return false; }
  bool wait_readers(base::TimePoint) override { return true; }
  DirectTicket issue_ticket(const multiformats::PeerId& peer) override {
    asked.push_back(peer);
    DirectTicket ticket{"socket", {}};
    ticket.nonce.fill(7);
    return ticket;
  }
  bool is_open_at(const multiformats::PeerId&, RegionId) const override { return false; }
  base::Task<> close() override { co_return; }

  std::vector<multiformats::PeerId> asked;
};

class RecordingClient final : public DirectClient {
 public:
  base::Task<base::Result<>> open(multiformats::PeerId peer, DirectTicket ticket, base::TimePoint) override {
    opened.emplace_back(peer, ticket);
    while (slow && !*slow_done) co_await slow->wait();
    alive = !outcome.has_error();
    co_return outcome;
  }
  void set_why_not(const multiformats::PeerId& peer, std::string reason) override { reasons[peer] = std::move(reason); }
  std::shared_ptr<PeerRegion> find(const multiformats::PeerId&, std::uint64_t) const override { return nullptr; }
  bool has_session(const multiformats::PeerId&) const override { return alive; }
  void on_session_ended(std::function<void()> call) override { on_ended = std::move(call); }
  std::string why_not(const multiformats::PeerId&, std::uint64_t) const override { return outcome.error().message(); }
  std::string why_not_opened(const multiformats::PeerId&) const override { return {}; }
  void forget(const multiformats::PeerId& peer) override { forgotten.push_back(peer); }
  /// As an owner does that has waited for a slow read.
  void end_session() {
    alive = false;
    on_ended();
  }
  base::Task<> close() override { co_return; }

  /// What open() waits for, if anything.
  void be_slow(const base::Executor& executor) {
    slow = std::make_unique<base::Signal>(executor);
    slow_done = false;
  }
  void go_on() {
    slow_done = true;
    slow->notify_all();
  }

  base::Result<> outcome;
  std::unique_ptr<base::Signal> slow;
  std::optional<bool> slow_done;
  bool alive = false;
  std::function<void()> on_ended;
  std::vector<std::pair<multiformats::PeerId, DirectTicket>> opened;
  std::map<multiformats::PeerId, std::string> reasons;
  std::vector<multiformats::PeerId> forgotten;
};

class DirectPathsTest : public ExchangeTest {
 protected:
  ~DirectPathsTest() override { close_all(); }
  void end_session() {
    client_.end_session();
    poll();
  }
  /// How often the path was opened after each second.
  std::vector<std::size_t> opened_each_second(int seconds) {
    std::vector<std::size_t> counts;
    for (int i = 0; i < seconds; ++i) {
      advance(1s);
      counts.push_back(client_.opened.size());
    }
    return counts;
  }
  TicketServer server_;
  RecordingClient client_;
};

TEST_F(DirectPathsTest, AnAuthorisedPeerGetsATicketAndOpens) {
  auto& owner = add_node({.direct_server = &server_});
  auto& reader = add_node({.direct_client = &client_});
  reader.host.dial(owner.host);
  poll();
  ASSERT_EQ(client_.opened.size(), 1u);
  EXPECT_EQ(client_.opened[0].first, owner.id());
  EXPECT_EQ(client_.opened[0].second.socket_name, "socket");
  EXPECT_EQ(client_.opened[0].second.nonce[31], 7);
  EXPECT_EQ(server_.asked, std::vector{reader.id()});
  EXPECT_TRUE(client_.reasons.empty());
  reader.host.disconnect(owner.host);
  poll();
  EXPECT_EQ(client_.forgotten, std::vector{owner.id()});
}

// An answer that comes before the reader's memory is open names no places: the blocks would go over the network.
TEST_F(DirectPathsTest, TheFirstLookUpWaitsUntilTheMemoryIsOpen) {
  auto& owner = add_node({.direct_server = &server_});
  auto& reader = add_node({.direct_client = &client_});
  client_.be_slow(io_.get_executor());
  reader.host.dial(owner.host);
  poll();
  const auto answer = start(reader.exchange->lookup(owner.id(), request(0, 1), in(1s)));
  poll();
  EXPECT_FALSE(*answer);
  EXPECT_EQ(reader.exchange->stats().lookups_sent, 0u);
  EXPECT_TRUE(reader.exchange->is_opening_direct_paths());
  client_.go_on();
  poll();
  EXPECT_TRUE(*answer);
  EXPECT_FALSE(reader.exchange->is_opening_direct_paths());
  EXPECT_TRUE(finish(reader.exchange->lookup(owner.id(), request(0, 1), in(1s))));
}

TEST_F(DirectPathsTest, AnOwnerThatIsSlowToHandOverIsAskedAllTheSame) {
  auto& owner = add_node({.direct_server = &server_});
  auto& reader = add_node({.direct_client = &client_});
  client_.be_slow(io_.get_executor());
  reader.host.dial(owner.host);
  poll();
  const auto answer = start(reader.exchange->lookup(owner.id(), request(0, 1), in(1s)));
  advance(kDirectOpenPatience);
  EXPECT_TRUE(*answer);
  EXPECT_TRUE(finish(reader.exchange->lookup(owner.id(), request(0, 1), in(1s)))) << "the time is over for good";
  client_.go_on();
  poll();
}

TEST_F(DirectPathsTest, APeerWithoutTheCapabilityIsNotAsked) {
  auto& owner = add_node();
  auto& reader = add_node({.direct_client = &client_});
  reader.host.dial(owner.host);
  poll();
  EXPECT_TRUE(client_.opened.empty());
  EXPECT_EQ(client_.reasons[owner.id()], "the peer offers no direct path");
}

TEST_F(DirectPathsTest, AnUnauthorisedPeerGetsNoTicket) {
  auto& owner = add_node({.direct_server = &server_});
  auto& reader = add_node({.cluster_key = base::Bytes(32, 1), .direct_client = &client_});
  reader.host.dial(owner.host);
  poll();
  EXPECT_TRUE(client_.opened.empty());
  EXPECT_TRUE(server_.asked.empty());
}

TEST_F(DirectPathsTest, WhereItIsTurnedOffTheQuestionIsUnsupported) {
  auto& node = add_node();
  RawPeer peer(io_, 200);
  peer.host.dial(node.host);
  poll();
  auto hello = peer.say_hello(node.host, test_cluster_key());
  ASSERT_TRUE(hello.result && hello.result->authorised);
  EXPECT_EQ(hello.theirs.capabilities & wire::kDirect, 0u);
  peer.send(*hello.control, 5, wire::DirectOpen{});
  std::optional<wire::Message> answer;
  do {
    answer = peer.receive(*hello.control);
    ASSERT_TRUE(answer);
  } while (answer->id != 5);
  const auto* error = std::get_if<wire::ErrorMessage>(&answer->body);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->code, static_cast<std::uint32_t>(wire::ErrorCode::kUnsupported));
}

TEST_F(DirectPathsTest, ASecondConnectionOpensNothingAndForgetsNothing) {
  auto& owner = add_node({.direct_server = &server_});
  auto& reader = add_node({.direct_client = &client_});
  reader.host.dial(owner.host);
  owner.host.dial(reader.host);
  poll();
  EXPECT_EQ(client_.opened.size(), 1u);
  reader.host.connection_to(owner.host)->close();
  poll();
  EXPECT_TRUE(client_.forgotten.empty());
  EXPECT_EQ(reader.exchange->peers().size(), 1u);
}

TEST_F(DirectPathsTest, AFailureLeavesTheSessionAsItIs) {
  client_.outcome = DirectError::kOtherUser;
  auto& owner = add_node({.direct_server = &server_});
  auto& reader = add_node({.direct_client = &client_});
  owner.blocks.add(0);
  reader.host.dial(owner.host);
  poll();
  EXPECT_EQ(client_.opened.size(), 1u);
  EXPECT_TRUE(look_up(reader, owner.id(), request(0, 1)).blocks.at(0).present);
}

TEST_F(DirectPathsTest, APathThatHasEndedIsOpenedAgain) {
  auto& owner = add_node({.direct_server = &server_});
  auto& reader = add_node({.direct_client = &client_});
  reader.host.dial(owner.host);
  poll();
  advance(60s);
  ASSERT_EQ(client_.opened.size(), 1u) << "not while it is open";
  end_session();
  EXPECT_EQ(client_.opened.size(), 1u);
  advance(1s);
  ASSERT_EQ(client_.opened.size(), 2u);
  EXPECT_EQ(server_.asked.size(), 2u) << "with another ticket";
  end_session();
  EXPECT_EQ(opened_each_second(3), (std::vector<std::size_t>{2, 3, 3})) << "later, if it held only for a moment";
  advance(60s);
  end_session();
  EXPECT_EQ(opened_each_second(3), (std::vector<std::size_t>{4, 4, 4})) << "soon, if it held for a while";
}

TEST_F(DirectPathsTest, AnOwnerThatRefusesIsAskedLessAndLessOften) {
  client_.outcome = DirectError::kRefused;
  auto& owner = add_node({.direct_server = &server_});
  auto& reader = add_node({.direct_client = &client_});
  reader.host.dial(owner.host);
  poll();
  EXPECT_EQ(opened_each_second(8), (std::vector<std::size_t>{2, 2, 3, 3, 3, 3, 4, 4}));
  for (int i = 0; i < 600; ++i) advance(1s);
  const std::size_t before = client_.opened.size();
  for (int i = 0; i < 300; ++i) advance(1s);
  EXPECT_EQ(client_.opened.size() - before, 10u) << "every 30 s";
  client_.outcome = {};
  for (int i = 0; i < 30; ++i) advance(1s);
  EXPECT_TRUE(client_.alive);
}

TEST_F(DirectPathsTest, APeerThatIsGoneOrElsewhereIsNotAskedAgain) {
  auto& owner = add_node({.direct_server = &server_});
  auto& reader = add_node({.direct_client = &client_});
  reader.host.dial(owner.host);
  poll();
  reader.host.disconnect(owner.host);
  end_session();
  advance(60s);
  EXPECT_EQ(client_.opened.size(), 1u);
  client_.outcome = DirectError::kNoListener;
  reader.host.dial(owner.host);
  poll();
  EXPECT_EQ(client_.opened.size(), 2u) << "each time that it comes";
  advance(60s);
  EXPECT_EQ(client_.opened.size(), 2u);
}

TEST_F(DirectPathsTest, AnotherSessionAsksWhereTheFirstHasEnded) {
  auto& owner = add_node({.direct_server = &server_});
  auto& reader = add_node({.direct_client = &client_});
  reader.host.dial(owner.host);
  owner.host.dial(reader.host);
  poll();
  reader.host.connection_to(owner.host)->close();
  end_session();
  advance(1s);
  EXPECT_EQ(client_.opened.size(), 2u);
  EXPECT_TRUE(client_.forgotten.empty());
}

TEST_F(DirectPathsTest, ALookupsAnswerCarriesThePlaces) {
  auto& owner = add_node({.direct_server = &server_});
  auto& reader = add_node({.direct_client = &client_});
  for (std::uint32_t i = 0; i < 4; ++i) owner.blocks.add(i);
  const DevicePlace first{7, 0, 1};
  const DevicePlace last{UINT64_MAX, UINT32_MAX, UINT64_MAX};
  owner.blocks.places[test_key(0)] = first;
  owner.blocks.places[test_key(3)] = last;
  reader.host.dial(owner.host);
  poll();
  const auto answer = look_up(reader, owner.id(), request(0, 5));
  ASSERT_EQ(answer.blocks.size(), 5u);
  EXPECT_EQ(answer.blocks[0].place, first);
  EXPECT_EQ(answer.blocks[0].tier, Tier::kDevice);
  EXPECT_EQ(answer.blocks[1].place, std::nullopt);
  EXPECT_EQ(answer.blocks[1].tier, Tier::kHostMemory);
  EXPECT_EQ(answer.blocks[2].place, std::nullopt);
  EXPECT_EQ(answer.blocks[3].place, last);
  EXPECT_FALSE(answer.blocks[4].present);
}

TEST_F(DirectPathsTest, TheSessionOfASupersededConnectionEnds) {
  auto& a = add_node();
  auto& b = add_node();
  b.blocks.add(0);
  a.host.dial(b.host);
  poll();
  auto superseded = a.host.connection_to(b.host);
  const std::size_t held = a.host.streams_held_to(b.host);
  a.host.supersede_first(b.host);
  b.host.dial(a.host);
  poll();
  EXPECT_EQ(a.exchange->peers().size(), 1u);
  EXPECT_GT(superseded->stream_count(), 0u) << "what was asked over it still has its time";
  EXPECT_TRUE(look_up(a, b.id(), request(0, 1)).blocks.at(0).present);
  advance(10s);
  EXPECT_EQ(superseded->stream_count(), 0u);
  EXPECT_EQ(a.host.streams_held_to(b.host), held) << "those of the session that has ended are gone, not only reset";
  EXPECT_EQ(a.exchange->peers().size(), 1u);
  EXPECT_EQ(b.exchange->peers().size(), 1u);
  EXPECT_TRUE(look_up(a, b.id(), request(0, 1)).blocks.at(0).present);
  EXPECT_TRUE(look_up(b, a.id(), request(0, 1)).blocks.size() == 1);
  advance(60s);
  EXPECT_EQ(superseded->stream_count(), 0u) << "it is not opened again";
}

}  // namespace
}  // namespace kvp2p::testing
