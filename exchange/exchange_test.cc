// Two and three nodes that behave, over fake hosts.
#include "exchange/exchange_error.h"
#include "exchange/testing/test_node.h"

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;

TEST_F(ExchangeTest, NodesOfOneClusterKnowEachOther) {
  auto& a = add_node();
  auto& b = add_node();
  std::vector<multiformats::PeerId> told;
  b.exchange->on_peer([&](const KvPeer& peer) { told.push_back(peer.id); });
  a.host.dial(b.host);
  poll();
  ASSERT_EQ(a.exchange->peers().size(), 1u);
  EXPECT_EQ(a.exchange->peers()[0].id, b.id());
  EXPECT_EQ(a.exchange->peers()[0].epoch, b.exchange->epoch());
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0], a.id());
  EXPECT_NE(a.exchange->epoch(), b.exchange->epoch());
}

TEST_F(ExchangeTest, BothSidesMayAsk) {
  auto& a = add_node();
  auto& b = add_node();
  a.host.dial(b.host);
  poll();
  a.blocks.add(1);
  b.blocks.add(2);
  auto answer = look_up(a, b.id(), request(1, 3));
  ASSERT_EQ(answer.blocks.size(), 3u);
  EXPECT_FALSE(answer.blocks[0].present);
  EXPECT_TRUE(answer.blocks[1].present);
  EXPECT_EQ(answer.lease_time, 10s);
  EXPECT_EQ(answer.expected_bytes_per_second, 1000u);
  answer = look_up(b, a.id(), request(1, 3));
  EXPECT_TRUE(answer.blocks[0].present);
  EXPECT_EQ(answer.blocks[0].root, root_of(a.blocks.blocks[test_key(1)].leaves));
  EXPECT_EQ(a.exchange->stats().lookups_served, 1u);
  EXPECT_EQ(a.exchange->stats().lookups_sent, 1u);
}

TEST_F(ExchangeTest, FetchedBlocksAreBitIdentical) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  for (std::uint32_t i = 0; i < 30; ++i) holder.blocks.add(i);
  const auto answer = look_up(asker, holder.id(), request(0, 30));
  auto wanted = fetch_request(holder.id(), answer, 2, 25);
  wanted.layers = {2, 0, 1};
  CollectingSink sink;
  auto fetch = asker.exchange->fetch(wanted, sink, in(2s));
  EXPECT_FALSE(sink.outcome) << "inside fetch()";
  advance(1ms);
  ASSERT_TRUE(sink.outcome);
  EXPECT_TRUE(*sink.outcome) << sink.outcome->error().message();
  expect_slices(sink, 0, 2, 25);
  EXPECT_EQ(sink.slices.size(), 75u);
  EXPECT_EQ(sink.frames, 3u * 7) << "4 slices of 2 KiB fit a frame";
  EXPECT_EQ(sink.layer_order.front(), 2u);
  EXPECT_EQ(sink.layer_order.back(), 1u);
  EXPECT_EQ(asker.exchange->stats().bytes_received, 75u * 2048);
  EXPECT_EQ(holder.exchange->stats().bytes_sent, 75u * 2048);
  EXPECT_EQ(asker.staging->free_slots(), asker.staging->slots());
}

TEST_F(ExchangeTest, LayersOfAFewBlocksShareAFrame) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  for (std::uint32_t i = 0; i < 4; ++i) holder.blocks.add(i);
  const auto answer = look_up(asker, holder.id(), request(0, 4));
  const auto fetch_layers = [&](std::vector<std::uint32_t> layers, std::size_t frames) {
    auto wanted = fetch_request(holder.id(), answer, 1, 2);
    wanted.layers = std::move(layers);
    CollectingSink sink;
    auto fetch = asker.exchange->fetch(wanted, sink, in(2s));
    poll();
    ASSERT_TRUE(sink.outcome);
    EXPECT_TRUE(*sink.outcome) << sink.outcome->error().message();
    expect_slices(sink, 0, 1, 2);
    EXPECT_EQ(sink.frames, frames);
    EXPECT_EQ(sink.bad_leaves, 0u);
  };
  fetch_layers({0, 1, 2}, 2);
  fetch_layers({2, 0, 1}, 2);
  fetch_layers({2, 1, 0}, 3);
  EXPECT_EQ(asker.staging->free_slots(), asker.staging->slots());
}

TEST_F(ExchangeTest, ABlockThatGoesLeavesTheOthersOfItsFrame) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  for (std::uint32_t i = 0; i < 2; ++i) holder.blocks.add(i);
  const auto answer = look_up(asker, holder.id(), request(0, 2));
  holder.blocks.gone = {test_key(1)};
  CollectingSink sink;
  auto fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 2), sink, in(2s));
  poll();
  ASSERT_TRUE(sink.outcome);
  EXPECT_TRUE(*sink.outcome) << sink.outcome->error().message();
  EXPECT_EQ(sink.gone, std::set<std::uint32_t>{1});
  expect_slices(sink, 0, 0, 1);
  EXPECT_EQ(sink.slices.size(), 3u);
}

TEST_F(ExchangeTest, OnlyTheHeadsAskedForAreSent) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  holder.blocks.add(0);
  holder.blocks.add(1);
  const auto answer = look_up(asker, holder.id(), request(0, 2));
  auto wanted = fetch_request(holder.id(), answer, 0, 2);
  wanted.head_begin = 1;
  wanted.head_end = 3;
  wanted.layers = {1};
  CollectingSink sink;
  auto fetch = asker.exchange->fetch(wanted, sink, in(2s));
  poll();
  ASSERT_TRUE(sink.outcome && *sink.outcome);
  EXPECT_EQ(sink.bad_leaves, 0u);
  const base::Bytes whole = test_block(test_key(1), test_format());
  const auto expected = base::ConstBytes(whole).subspan(2048 + 512, 1024);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), sink.slices.at({1, 1}).begin()));
}

TEST_F(ExchangeTest, AGapIsReportedAndTheRestDelivered) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  for (std::uint32_t i = 0; i < 8; ++i) holder.blocks.add(i);
  const auto answer = look_up(asker, holder.id(), request(0, 8));
  holder.blocks.gone = {test_key(2), test_key(7)};
  CollectingSink sink;
  auto fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 8), sink, in(2s));
  poll();
  ASSERT_TRUE(sink.outcome);
  EXPECT_TRUE(*sink.outcome) << sink.outcome->error().message();
  EXPECT_EQ(sink.gone, (std::set<std::uint32_t>{2, 7}));
  expect_slices(sink, 0, 0, 2);
  expect_slices(sink, 0, 3, 4);
  EXPECT_EQ(sink.slices.size(), 18u);
}

TEST_F(ExchangeTest, BlocksThatGoMidwayAreGone) {
  auto& holder = add_node({.staging_slots = 2});
  auto& asker = add_node({.staging_slots = 2});
  asker.host.dial(holder.host);
  poll();
  for (std::uint32_t i = 0; i < 4; ++i) holder.blocks.add(i);
  const auto answer = look_up(asker, holder.id(), request(0, 4));
  CollectingSink sink;
  sink.also = [&] {
    if (sink.frames == 1) holder.blocks.gone = {test_key(1)};
  };
  auto fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 4), sink, in(2s));
  poll();
  ASSERT_TRUE(sink.outcome);
  EXPECT_TRUE(*sink.outcome) << sink.outcome->error().message();
  EXPECT_EQ(sink.gone, std::set<std::uint32_t>{1});
  expect_slices(sink, 0, 0, 1);
  expect_slices(sink, 0, 2, 2);
}

TEST_F(ExchangeTest, AnUnknownLeaseIsAnError) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  holder.blocks.add(0);
  auto answer = look_up(asker, holder.id(), request(0, 1));
  answer.lease.id += 1;
  CollectingSink sink;
  auto fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 1), sink, in(2s));
  poll();
  ASSERT_TRUE(sink.outcome);
  EXPECT_EQ(sink.outcome->error(), ExchangeError::kLeaseUnknown);
}

TEST_F(ExchangeTest, AReleasedLeaseIsUnknown) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  holder.blocks.add(0);
  const auto answer = look_up(asker, holder.id(), request(0, 1));
  EXPECT_EQ(holder.blocks.leases.size(), 1u);
  asker.exchange->release(holder.id(), answer.lease);
  poll();
  EXPECT_TRUE(holder.blocks.leases.empty());
}

TEST_F(ExchangeTest, TwoSlotsAreEnoughForAnyFetch) {
  auto& holder = add_node();
  auto& asker = add_node({.staging_slots = 2});
  asker.host.dial(holder.host);
  poll();
  for (std::uint32_t i = 0; i < 40; ++i) holder.blocks.add(i);
  holder.blocks.reads_yield = true;
  const auto answer = look_up(asker, holder.id(), request(0, 40));
  CollectingSink first;
  CollectingSink second;
  auto one = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 40), first, in(2s));
  auto two = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 40), second, in(2s));
  poll();
  ASSERT_TRUE(first.outcome && second.outcome);
  EXPECT_TRUE(*first.outcome);
  EXPECT_TRUE(*second.outcome);
  expect_slices(first, 0, 0, 40);
  expect_slices(second, 0, 0, 40);
}

TEST_F(ExchangeTest, ASlowConsumerStopsTheSenderNotTheStream) {
  auto& holder = add_node();
  auto& asker = add_node({.staging_slots = 4});
  asker.host.dial(holder.host);
  poll();
  for (std::uint32_t i = 0; i < 40; ++i) holder.blocks.add(i);
  const auto answer = look_up(asker, holder.id(), request(0, 40));
  CollectingSink sink;
  sink.hoard = true;
  auto fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 40), sink, in(2s));
  poll();
  EXPECT_FALSE(sink.outcome);
  EXPECT_EQ(sink.frames, 4u) << "as many as there are slots";
  EXPECT_LE(holder.blocks.reads, 4u) << "nothing is read that cannot be sent";
  sink.hoard = false;
  sink.hoarded.clear();
  poll();
  ASSERT_TRUE(sink.outcome);
  EXPECT_TRUE(*sink.outcome);
  expect_slices(sink, 0, 0, 40);
}

TEST_F(ExchangeTest, ReadsRunAheadOfWrites) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  for (std::uint32_t i = 0; i < 40; ++i) holder.blocks.add(i);
  holder.blocks.reads_wait = true;
  const auto answer = look_up(asker, holder.id(), request(0, 40));
  CollectingSink sink;
  auto fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 40), sink, in(2s));
  poll();
  EXPECT_GE(holder.blocks.reads_under_way_max, 2u);
  holder.blocks.let_reads_go_on();
  poll();
  ASSERT_TRUE(sink.outcome && *sink.outcome);
  expect_slices(sink, 0, 0, 40);
}

TEST_F(ExchangeTest, DroppingAFetchCancelsIt) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  for (std::uint32_t i = 0; i < 40; ++i) holder.blocks.add(i);
  const auto answer = look_up(asker, holder.id(), request(0, 40));
  CollectingSink sink;
  std::unique_ptr<Fetch> fetch;
  sink.also = [&] {
    if (sink.frames == 3) fetch.reset();
  };
  fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 40), sink, in(2s));
  poll();
  EXPECT_EQ(sink.frames, 3u);
  EXPECT_FALSE(sink.outcome) << "nothing is called after a cancel";
  EXPECT_LT(holder.blocks.reads, 30u);
  // The session goes on.
  CollectingSink again;
  fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 40), again, in(2s));
  poll();
  ASSERT_TRUE(again.outcome && *again.outcome);
}

TEST_F(ExchangeTest, AFetchDroppedAtOnceSaysNothing) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  holder.blocks.add(0);
  const auto answer = look_up(asker, holder.id(), request(0, 1));
  CollectingSink sink;
  asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 1), sink, in(2s));
  poll();
  EXPECT_EQ(sink.frames, 0u);
  EXPECT_FALSE(sink.outcome);
}

TEST_F(ExchangeTest, AStalledHolderIsATimeout) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  holder.blocks.add(0);
  holder.blocks.reads_wait = true;
  const auto answer = look_up(asker, holder.id(), request(0, 1));
  CollectingSink sink;
  auto fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 1), sink, in(2s));
  poll();
  EXPECT_FALSE(sink.outcome);
  advance(2s);
  ASSERT_TRUE(sink.outcome);
  EXPECT_EQ(sink.outcome->error(), ExchangeError::kTimeout);
  holder.blocks.let_reads_go_on();
  poll();
  EXPECT_EQ(sink.frames, 0u);
  EXPECT_EQ(asker.staging->free_slots(), asker.staging->slots());
}

TEST_F(ExchangeTest, AHolderThatVanishesMidwayEndsTheFetch) {
  auto& holder = add_node();
  auto& asker = add_node({.staging_slots = 2});
  asker.host.dial(holder.host);
  poll();
  for (std::uint32_t i = 0; i < 40; ++i) holder.blocks.add(i);
  const auto answer = look_up(asker, holder.id(), request(0, 40));
  CollectingSink sink;
  sink.also = [&] {
    if (sink.frames == 5) holder.host.disconnect(asker.host);
  };
  auto fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 40), sink, in(2s));
  poll();
  ASSERT_TRUE(sink.outcome);
  EXPECT_EQ(sink.outcome->error(), ExchangeError::kPeerGone);
  EXPECT_GE(sink.frames, 5u);
  EXPECT_TRUE(asker.exchange->peers().empty());
  auto later = finish(asker.exchange->lookup(holder.id(), request(0, 1), in(1s)));
  ASSERT_TRUE(later);
  EXPECT_EQ(later->error(), ExchangeError::kNotConnected);
}

TEST_F(ExchangeTest, FetchesThatMakeNoSenseFailWithoutBeingSent) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  holder.blocks.add(0);
  const auto answer = look_up(asker, holder.id(), request(0, 1));
  const auto outcome_of = [&](FetchRequest wanted) {
    CollectingSink sink;
    auto fetch = asker.exchange->fetch(std::move(wanted), sink, in(2s));
    poll();
    return sink.outcome ? sink.outcome->error() : base::Error();
  };
  auto wanted = fetch_request(holder.id(), answer, 0, 0);
  EXPECT_EQ(outcome_of(wanted), ExchangeError::kBadRequest);
  wanted = fetch_request(holder.id(), answer, 0, 1);
  wanted.layers = {3};
  EXPECT_EQ(outcome_of(wanted), ExchangeError::kBadRequest);
  wanted = fetch_request(holder.id(), answer, 0, 1);
  wanted.format.head_dim = 1024;
  EXPECT_EQ(outcome_of(wanted), ExchangeError::kSliceTooLarge);
  wanted = fetch_request(asker.id(), answer, 0, 1);
  EXPECT_EQ(outcome_of(wanted), ExchangeError::kNotConnected);
}

TEST_F(ExchangeTest, AModelThatDiffersIsAMissWithTheReason) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  holder.blocks.model = test_model("bb");
  holder.blocks.add(0);
  const auto answer = look_up(asker, holder.id(), request(0, 1));
  EXPECT_FALSE(answer.blocks.at(0).present);
  EXPECT_EQ(answer.reason, "model differs: weights_digest ours bb, theirs aa");
}

TEST_F(ExchangeTest, AnnouncementsReachTheIndex) {
  auto& a = add_node();
  auto& b = add_node();
  auto& c = add_node();
  a.host.dial(b.host);
  a.host.dial(c.host);
  poll();
  const auto fingerprint = fingerprint_of(test_model());
  for (std::uint32_t i = 0; i < 5; ++i) a.exchange->announce_stored(fingerprint, test_format(), test_key(i));
  a.exchange->announce_stored(fingerprint, test_format(), test_key(9));
  a.exchange->announce_evicted(fingerprint, test_key(9));
  poll();
  EXPECT_EQ(b.index.pairs(), 0u) << "batched";
  const auto before = a.exchange->stats().announcements_sent;
  advance(10ms);
  EXPECT_EQ(b.index.pairs(), 5u);
  EXPECT_EQ(c.index.pairs(), 5u);
  EXPECT_EQ(a.exchange->stats().announcements_sent - before, 4u) << "stored and evicted, to each of two";
  const auto asked = request(0, 6).keys;
  auto holders = b.index.holders(asked, 0, 4);
  ASSERT_EQ(holders.size(), 1u);
  EXPECT_EQ(holders[0].peer, a.id());
  EXPECT_EQ(holders[0].blocks, 5u);
  a.exchange->announce_evicted(fingerprint, test_key(2));
  advance(10ms);
  EXPECT_EQ(b.index.holders(asked, 0, 4).at(0).blocks, 2u);
}

TEST_F(ExchangeTest, ANewPeerIsToldWhatIsThere) {
  auto& a = add_node();
  auto& b = add_node();
  for (std::uint32_t i = 0; i < 7; ++i) b.blocks.add(i);
  a.host.dial(b.host);
  poll();
  EXPECT_EQ(a.index.pairs(), 7u);
  EXPECT_EQ(b.index.pairs(), 0u);
}

TEST_F(ExchangeTest, WhoLeavesIsForgotten) {
  auto& a = add_node();
  auto& b = add_node();
  b.blocks.add(1);
  a.host.dial(b.host);
  poll();
  EXPECT_EQ(a.index.pairs(), 1u);
  b.host.disconnect(a.host);
  poll();
  EXPECT_EQ(a.index.pairs(), 0u);
  EXPECT_TRUE(a.exchange->peers().empty());
}

TEST_F(ExchangeTest, WhoStaysAwayGivesUpItsLeases) {
  auto& a = add_node();
  auto& b = add_node();
  a.host.dial(b.host);
  poll();
  a.host.disconnect(b.host);
  poll();
  advance(2s);
  EXPECT_TRUE(b.blocks.given_up.empty());
  advance(1s);
  EXPECT_EQ(b.blocks.given_up, std::vector{a.id()});
}

TEST_F(ExchangeTest, WhoComesBackInTimeKeepsItsLeases) {
  auto& a = add_node();
  auto& b = add_node();
  a.host.dial(b.host);
  poll();
  a.host.disconnect(b.host);
  poll();
  advance(1s);
  a.host.dial(b.host);
  poll();
  ASSERT_EQ(b.exchange->peers().size(), 1u);
  advance(10s);
  EXPECT_TRUE(b.blocks.given_up.empty());
}

TEST_F(ExchangeTest, TwoConnectionsArePeeredOnce) {
  auto& a = add_node();
  auto& b = add_node();
  a.host.dial(b.host);
  b.host.dial(a.host);
  poll();
  EXPECT_EQ(a.exchange->peers().size(), 1u);
  EXPECT_EQ(b.exchange->peers().size(), 1u);
  b.blocks.add(0);
  EXPECT_TRUE(look_up(a, b.id(), request(0, 1)).blocks.at(0).present);
}

std::vector<Exchange::PutBlock> put_blocks_of(std::uint32_t first, std::uint32_t count) {
  std::vector<Exchange::PutBlock> blocks;
  for (std::uint32_t i = 0; i < count; ++i) {
    auto bytes = std::make_shared<base::Bytes>(test_block(test_key(first + i), test_format()));
    Exchange::PutBlock block;
    block.key = test_key(first + i);
    block.bytes = *bytes;
    block.leaves.resize(test_format().leaf_count());
    compute_leaves(*bytes, test_format().head_slice_bytes(), block.leaves);
    block.owner = bytes;
    blocks.push_back(std::move(block));
  }
  return blocks;
}

TEST_F(ExchangeTest, PutBlocksThatAreWantedAreStored) {
  auto& from = add_node();
  auto& to = add_node();
  from.host.dial(to.host);
  poll();
  to.blocks.add(2);
  auto put = finish(from.exchange->put(to.id(), request(1, 4), put_blocks_of(1, 4), in(2s)));
  ASSERT_TRUE(put);
  ASSERT_TRUE(*put) << put->error().message();
  EXPECT_EQ(**put, 3u) << "one was there";
  for (std::uint32_t i = 1; i < 5; ++i) {
    EXPECT_EQ(to.blocks.blocks.at(test_key(i)).bytes, test_block(test_key(i), test_format()));
  }
}

TEST_F(ExchangeTest, PutBlocksMayBeRefused) {
  auto& from = add_node();
  auto& to = add_node();
  from.host.dial(to.host);
  poll();
  to.blocks.wants_puts = false;
  auto put = finish(from.exchange->put(to.id(), request(1, 4), put_blocks_of(1, 4), in(2s)));
  ASSERT_TRUE(put && *put);
  EXPECT_EQ(**put, 0u);
}

TEST_F(ExchangeTest, ACorruptPutIsNotStored) {
  auto& from = add_node();
  auto& to = add_node();
  from.host.dial(to.host);
  poll();
  auto blocks = put_blocks_of(1, 1);
  blocks[0].leaves[5].bytes[0] ^= 1;
  auto put = finish(from.exchange->put(to.id(), request(1, 1), blocks, in(2s)));
  ASSERT_TRUE(put);
  EXPECT_EQ(put->error(), ExchangeError::kPeerFailed);
  EXPECT_TRUE(to.blocks.blocks.empty());
}

TEST_F(ExchangeTest, PingAndStatsAreAnswered) {
  auto& a = add_node();
  auto& b = add_node();
  a.host.dial(b.host);
  poll();
  auto round_trip = finish(a.exchange->ping(b.id(), in(1s)));
  ASSERT_TRUE(round_trip);
  EXPECT_TRUE(*round_trip);
  look_up(a, b.id(), request(0, 1));
  auto stats = finish(a.exchange->remote_stats(b.id(), in(1s)));
  ASSERT_TRUE(stats && *stats);
  EXPECT_NE(std::find((*stats)->begin(), (*stats)->end(), std::pair<std::string, std::uint64_t>("lookups_served", 1)),
            (*stats)->end());
}

TEST_F(ExchangeTest, ALostControlStreamIsOpenedAgain) {
  auto& a = add_node();
  auto& b = add_node();
  auto faults = std::make_shared<StreamFaults>();
  a.host.faults_of_new_stream = [&](int number) { return number == 1 ? faults : nullptr; };
  a.host.dial(b.host);
  poll();
  EXPECT_EQ(a.exchange->peers().size(), 1u);
  faults->reset_after_read_bytes = 0;
  auto lost = finish(a.exchange->lookup(b.id(), request(0, 1), in(2s)));
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error(), ExchangeError::kPeerGone);
  EXPECT_TRUE(a.exchange->peers().empty());
  advance(1s);
  EXPECT_EQ(a.exchange->peers().size(), 1u);
  EXPECT_EQ(b.exchange->peers().size(), 1u);
}

// Noise does not let a changed byte through; a broken peer might send one all the same. Either the fetch fails, or a
// leaf does not fit, or nothing was wrong.
TEST_F(ExchangeTest, AChangedByteAnywhereIsNoticed) {
  auto& holder = add_node();
  auto& asker = add_node();
  auto faults = std::make_shared<StreamFaults>();
  asker.host.faults_of_new_stream = [&](int number) { return number == 1 ? nullptr : faults; };
  asker.host.dial(holder.host);
  poll();
  for (std::uint32_t i = 0; i < 5; ++i) holder.blocks.add(i);
  std::size_t noticed = 0;
  constexpr std::size_t kTrials = 700;
  for (std::size_t trial = 0; trial < kTrials; ++trial) {
    const auto answer = look_up(asker, holder.id(), request(0, 5));
    // Every byte of the first header, then now and then one of the rest.
    std::size_t left = trial < 300 ? trial : trial * 41 % 31'000;
    faults->on_read = [&, left](base::MutableBytes bytes, std::size_t) mutable {
      if (left < bytes.size()) bytes[left] ^= static_cast<std::uint8_t>(1 + trial % 255);
      left = left < bytes.size() ? SIZE_MAX : left - bytes.size();
    };
    CollectingSink sink;
    auto fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 5), sink, in(2s));
    poll();
    if (!sink.outcome) advance(2s);
    ASSERT_TRUE(sink.outcome);
    if (!*sink.outcome || sink.bad_leaves > 0) {
      ++noticed;
    } else {
      expect_slices(sink, 0, 0, 5);
    }
    faults->on_read = nullptr;
  }
  EXPECT_GT(noticed, kTrials * 9 / 10);
}

TEST_F(ExchangeTest, ClosingDoesNotWaitForAPeerThatStalls) {
  auto& a = add_node();
  auto& b = add_node();
  a.host.opens_streams = false;
  a.host.dial(b.host);
  poll();
  close_all();
  nodes_.clear();
}

TEST_F(ExchangeTest, AFetchFromAPeerThatOpensNoStreamIsATimeout) {
  auto& holder = add_node();
  auto& asker = add_node();
  auto stalled = std::make_shared<StreamFaults>();
  asker.host.faults_of_new_stream = [&](int number) { return number == 2 ? stalled : nullptr; };
  asker.host.dial(holder.host);
  poll();
  holder.blocks.add(0);
  const auto answer = look_up(asker, holder.id(), request(0, 1));
  // The stream opened early breaks, and no other comes.
  asker.host.opens_streams = false;
  stalled->reset_after_read_bytes = 0;
  CollectingSink first;
  auto fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 1), first, in(2s));
  poll();
  EXPECT_FALSE(first.outcome) << "what the lost one did not bring may come over another";
  advance(2s);
  ASSERT_TRUE(first.outcome);
  EXPECT_EQ(first.outcome->error(), ExchangeError::kTimeout);
  CollectingSink second;
  fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 1), second, in(2s));
  advance(2s);
  ASSERT_TRUE(second.outcome);
  EXPECT_EQ(second.outcome->error(), ExchangeError::kTimeout);
}

TEST_F(ExchangeTest, ClosingEndsWhatIsUnderWay) {
  auto& holder = add_node();
  auto& asker = add_node();
  asker.host.dial(holder.host);
  poll();
  holder.blocks.add(0);
  holder.blocks.reads_wait = true;
  const auto answer = look_up(asker, holder.id(), request(0, 1));
  CollectingSink sink;
  auto fetch = asker.exchange->fetch(fetch_request(holder.id(), answer, 0, 1), sink, in(2s));
  poll();
  close_all();
  ASSERT_TRUE(sink.outcome);
  EXPECT_FALSE(*sink.outcome);
  nodes_.clear();
}

}  // namespace
}  // namespace kvp2p::testing
