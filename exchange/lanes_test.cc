// Fetches over several data connections, some of which fail.
#include "exchange/testing/lanes.h"
#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/testing/raw_peer.h"

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;

TEST_F(LanesTest, AFetchComesOverAllOfThem) {
  auto pair = add_pair();
  CollectingSink sink;
  auto fetch = start_fetch(pair, sink);
  poll();
  expect_complete(sink);
  const ExchangeStats& stats = pair.asker.exchange->stats();
  EXPECT_EQ(pair.asker.host.data_opened, 4);
  EXPECT_EQ(stats.data_connections_opened, 4u);
  EXPECT_EQ(stats.bytes_received, kBytes);
  EXPECT_GT(stats.bytes_over_data_connections, kBytes / 2) << "they join a fetch that has begun";
  EXPECT_EQ(stats.lanes_lost, 0u);
  CollectingSink again;
  fetch = start_fetch(pair, again);
  poll();
  expect_complete(again);
  EXPECT_EQ(pair.asker.host.data_opened, 4) << "they are kept";
  EXPECT_EQ(stats.bytes_received, 2 * kBytes);
  EXPECT_EQ(pair.holder.exchange->stats().bytes_sent, 2 * kBytes);
}

TEST_F(LanesTest, OneThatDiesAnywhereIsReplacedByTheOthers) {
  // Within the first header, between frames, within payloads, late.
  for (const std::size_t dies_at : {0u, 1u, 100u, 9000u, 16'700u, 50'000u, 200'001u, 700'000u, 1'200'000u}) {
    nodes_.clear();
    auto pair = add_pair();
    auto faults = std::make_shared<StreamFaults>();
    faults->reset_after_read_bytes = dies_at;
    pair.asker.host.faults_of_new_data = [&](int number) { return number == 2 ? faults : nullptr; };
    CollectingSink sink;
    auto fetch = start_fetch(pair, sink);
    poll();
    expect_complete(sink);
    EXPECT_EQ(pair.asker.exchange->stats().bytes_received, kBytes) << "nothing twice; died at " << dies_at;
    EXPECT_EQ(pair.asker.exchange->stats().lanes_lost, 1u) << dies_at;
    // Again is asked for what was on its way over that one: what a pipe and an outbox hold.
    EXPECT_LE(pair.holder.exchange->stats().bytes_sent, kBytes + 256 * 1024 + (kOutboxFrames + 1) * 8192);
    fetch.reset();
    close_all();
  }
}

TEST_F(LanesTest, IfAllOfThemDieTheFirstStreamGoesOn) {
  auto pair = add_pair();
  pair.asker.host.faults_of_new_data = [&](int number) {
    auto faults = std::make_shared<StreamFaults>();
    faults->reset_after_read_bytes = 100'000u * static_cast<std::size_t>(number);
    return faults;
  };
  CollectingSink sink;
  auto fetch = start_fetch(pair, sink);
  poll();
  expect_complete(sink);
  EXPECT_EQ(pair.asker.exchange->stats().lanes_lost, 4u);
  EXPECT_EQ(pair.asker.exchange->stats().bytes_received, kBytes);
}

TEST_F(LanesTest, OneThatStallsIsGivenUpIfThePeerAnswers) {
  for (const std::size_t stalls_at : {20u, 12'345u, 300'000u}) {
    nodes_.clear();
    auto pair = add_pair();
    auto faults = std::make_shared<StreamFaults>();
    faults->stalled_after_read_bytes = stalls_at;
    pair.asker.host.faults_of_new_data = [&](int number) { return number == 3 ? faults : nullptr; };
    CollectingSink sink;
    auto fetch = start_fetch(pair, sink);
    poll();
    EXPECT_FALSE(sink.outcome);
    pass(300ms);
    EXPECT_FALSE(sink.outcome) << "it may just be slow";
    pass(2s);
    expect_complete(sink);
    EXPECT_EQ(pair.asker.exchange->stats().lanes_lost, 1u) << stalls_at;
    EXPECT_EQ(pair.asker.exchange->stats().bytes_received, kBytes);
    fetch.reset();
    close_all();
  }
}

TEST_F(LanesTest, AnOutageOfTheWholePathIsWaitedOut) {
  auto pair = add_pair();
  std::vector<std::shared_ptr<StreamFaults>> all;
  const auto remember = [&](int) { return all.emplace_back(std::make_shared<StreamFaults>()); };
  // The control stream is there; a second pair of hosts would be needed to stall it from its start.
  pair.asker.host.faults_of_new_data = remember;
  CollectingSink sink;
  sink.also = [&] {
    if (sink.frames == 200) {
      for (const auto& faults : all) faults->stalled = true;
      pair.holder.blocks.reads_wait = true;
    }
  };
  auto fetch = start_fetch(pair, sink);
  poll();
  EXPECT_FALSE(sink.outcome);
  pair.holder.blocks.let_reads_go_on();
  pass(5s);
  expect_complete(sink);
}

TEST_F(LanesTest, ACancelledFetchLeavesThemUsable) {
  auto pair = add_pair();
  CollectingSink sink;
  std::unique_ptr<Fetch> fetch;
  sink.also = [&] {
    if (sink.frames == 300) fetch.reset();
  };
  fetch = start_fetch(pair, sink);
  poll();
  EXPECT_EQ(sink.frames, 300u);
  EXPECT_FALSE(sink.outcome);
  EXPECT_EQ(pair.asker.staging->free_slots(), pair.asker.staging->slots());
  CollectingSink again;
  fetch = start_fetch(pair, again);
  poll();
  expect_complete(again);
  EXPECT_EQ(pair.asker.host.data_opened, 4);
  EXPECT_EQ(pair.asker.exchange->stats().lanes_lost, 0u);
}

TEST_F(LanesTest, ATimeoutLeavesThemUsable) {
  auto pair = add_pair(8);
  CollectingSink sink;
  sink.hoard = true;
  auto fetch = start_fetch(pair, sink, 1s);
  poll();
  pass(1s);
  ASSERT_TRUE(sink.outcome);
  EXPECT_EQ(sink.outcome->error(), ExchangeError::kTimeout);
  sink.hoarded.clear();
  CollectingSink again;
  fetch = start_fetch(pair, again);
  poll();
  expect_complete(again);
  EXPECT_EQ(pair.asker.exchange->stats().lanes_lost, 0u);
}

TEST_F(LanesTest, IdleOnesAreClosed) {
  auto pair = add_pair();
  CollectingSink sink;
  auto fetch = start_fetch(pair, sink);
  poll();
  expect_complete(sink);
  const std::size_t held = pair.holder.host.streams_held_to(pair.asker.host);
  advance(kLaneIdleMax - 1s);
  EXPECT_EQ(pair.holder.host.streams_held_to(pair.asker.host), held);
  advance(1s);
  EXPECT_EQ(pair.holder.host.streams_held_to(pair.asker.host), held - 4);
  CollectingSink again;
  fetch = start_fetch(pair, again);
  poll();
  expect_complete(again);
  EXPECT_EQ(pair.asker.host.data_opened, 8);
}

TEST_F(LanesTest, APeerThatCannotBeDialledIsNotDialledAgainAndAgain) {
  auto pair = add_pair();
  pair.holder.host.speaks_data = false;
  for (int i = 0; i < 3; ++i) {
    CollectingSink sink;
    auto fetch = start_fetch(pair, sink);
    poll();
    expect_complete(sink);
  }
  EXPECT_EQ(pair.asker.exchange->stats().bytes_over_data_connections, 0u);
  pair.holder.host.speaks_data = true;
  CollectingSink sink;
  auto fetch = start_fetch(pair, sink);
  poll();
  EXPECT_EQ(pair.asker.host.data_opened, 0);
  advance(kLaneRetry);
  CollectingSink again;
  fetch = start_fetch(pair, again);
  poll();
  expect_complete(again);
  EXPECT_EQ(pair.asker.host.data_opened, 4);
}

TEST_F(LanesTest, ADataConnectionMustShowItsSessionInTime) {
  auto& node = add_node({.data_connections_max = 4});
  RawPeer peer(io_, 200);
  peer.host.speaks_data = true;
  peer.host.dial(node.host);
  auto hello = peer.say_hello(node.host, test_cluster_key());
  auto silent = finish(peer.host.open_data_connection(node.id(), {}));
  auto wrong = finish(peer.host.open_data_connection(node.id(), {}));
  auto right = finish(peer.host.open_data_connection(node.id(), {}));
  ASSERT_TRUE(silent && *silent && wrong && *wrong && right && *right);
  wire::StreamOpen open;
  open.number = 7;
  peer.send(*(*wrong)->stream, 0, open);
  EXPECT_TRUE(peer.is_ended(*(*wrong)->stream));
  open.session = *hello.result->session;
  peer.send(*(*right)->stream, 0, open);
  advance(kHelloTimeout);
  EXPECT_TRUE(peer.is_ended(*(*silent)->stream));
  // A frame towards the holder has no place on it.
  wire::FrameHeader header;
  header.blocks = header.layers = 1;
  header.length = 2048;
  header.leaves.resize(4);
  peer.send(*(*right)->stream, 42, header);
  EXPECT_TRUE(peer.is_ended(*(*right)->stream));
}

TEST_F(LanesTest, APeerOpensOnlySoMany) {
  auto& node = add_node({.data_connections_max = 4});
  RawPeer peer(io_, 200);
  peer.host.speaks_data = true;
  peer.host.dial(node.host);
  auto hello = peer.say_hello(node.host, test_cluster_key());
  std::vector<libp2p::DataConnection> opened;
  for (std::uint32_t i = 1; i <= kInboundLanesMax + 1; ++i) {
    auto connection = finish(peer.host.open_data_connection(node.id(), {}));
    ASSERT_TRUE(connection && *connection);
    peer.send(*(*connection)->stream, 0, wire::StreamOpen{*hello.result->session, i});
    opened.push_back(std::move(**connection));
  }
  EXPECT_TRUE(peer.is_ended(*opened.back().stream));
  EXPECT_FALSE(peer.is_ended(*opened.front().stream));
}

}  // namespace
}  // namespace kvp2p::testing
