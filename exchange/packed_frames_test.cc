// Frames that travel packed: when they do, and peers that lie about it.
#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/testing/hostile_peer.h"
#include "exchange/testing/lanes.h"
#include "exchange/testing/raw_peer.h"

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kFetched = 30;

class PackedFramesTest : public ExchangeTest {
 protected:
  struct Pair {
    TestNode& holder;
    TestNode& asker;
  };
  Pair add_pair(TestNodeOptions holder_options, TestNodeOptions asker_options) {
    auto& holder = add_node(std::move(holder_options));
    auto& asker = add_node(std::move(asker_options));
    asker.host.dial(holder.host);
    poll();
    for (std::uint32_t i = 0; i < kFetched; ++i) holder.blocks.add(i);
    return {holder, asker};
  }
  void fetch_all(const Pair& pair, CollectingSink& sink) {
    const auto answer = look_up(pair.asker, pair.holder.id(), request(0, kFetched));
    auto fetch = pair.asker.exchange->fetch(fetch_request(pair.holder.id(), answer, 0, kFetched), sink, in(2s));
    advance(1ms);
    ASSERT_TRUE(sink.outcome);
    EXPECT_TRUE(*sink.outcome) << sink.outcome->error().message();
    expect_slices(sink, 0, 0, kFetched);
    EXPECT_EQ(pair.asker.exchange->stats().bytes_received, kFetched * 3 * 2048u);
    EXPECT_EQ(pair.holder.exchange->stats().bytes_sent, kFetched * 3 * 2048u);
    EXPECT_EQ(pair.asker.exchange->stats().wire_bytes_received, pair.holder.exchange->stats().wire_bytes_sent);
  }
};

TEST_F(PackedFramesTest, WhereBothWillFramesComePacked) {
  for (const PackMode holder : {PackMode::kOn, PackMode::kAuto}) {
    const auto pair = add_pair({.pack = holder}, {.pack = PackMode::kOn});
    CollectingSink sink;
    fetch_all(pair, sink);
    EXPECT_EQ(sink.packed_frames, sink.frames);
    const ExchangeStats& stats = pair.asker.exchange->stats();
    EXPECT_LT(stats.wire_bytes_received * 10, stats.bytes_received * 9);
    EXPECT_EQ(pair.holder.pack_room->free_slots(), pair.holder.pack_room->slots());
  }
}

TEST_F(PackedFramesTest, WhereOneWillNotTheyComeAsTheyAre) {
  const std::vector<std::pair<PackMode, PackMode>> modes = {{PackMode::kOff, PackMode::kOff},
                                                            {PackMode::kOff, PackMode::kOn},
                                                            {PackMode::kOn, PackMode::kOff},
                                                            {PackMode::kOn, PackMode::kAuto}};
  for (const auto& [holder, asker] : modes) {
    const auto pair = add_pair({.pack = holder}, {.pack = asker});
    CollectingSink sink;
    fetch_all(pair, sink);
    EXPECT_EQ(sink.packed_frames, 0u);
    EXPECT_EQ(pair.asker.exchange->stats().wire_bytes_received, pair.asker.exchange->stats().bytes_received);
    EXPECT_TRUE(pair.holder.aside.empty());
  }
}

TEST_F(PackedFramesTest, WithoutRoomForThemTheyComeAsTheyAre) {
  const auto pair = add_pair({.pack = PackMode::kOn, .pack_slots = 0}, {.pack = PackMode::kOn});
  CollectingSink sink;
  fetch_all(pair, sink);
  EXPECT_EQ(sink.packed_frames, 0u);
}

TEST_F(PackedFramesTest, OneGetTakesAQuarterOfTheRoomAndAllOfThemAHalf) {
  const auto pair = add_pair({.pack = PackMode::kOn, .pack_slots = 8}, {.staging_slots = 128, .pack = PackMode::kOn});
  pair.holder.hold_up_aside = true;
  const auto answer = look_up(pair.asker, pair.holder.id(), request(0, kFetched));
  std::vector<CollectingSink> sinks(3);
  std::vector<std::unique_ptr<Fetch>> fetches;
  const auto start_fetch = [&](CollectingSink& sink) {
    fetches.push_back(pair.asker.exchange->fetch(fetch_request(pair.holder.id(), answer, 0, kFetched), sink, in(2s)));
    poll();
  };
  start_fetch(sinks[0]);
  EXPECT_EQ(pair.holder.aside.size(), 2u);
  start_fetch(sinks[1]);
  EXPECT_EQ(pair.holder.aside.size(), 4u);
  start_fetch(sinks[2]);
  EXPECT_EQ(pair.holder.aside.size(), 4u);
  ASSERT_TRUE(sinks[2].outcome && *sinks[2].outcome) << "it does not wait for room";
  EXPECT_EQ(sinks[2].packed_frames, 0u);
  EXPECT_EQ(sinks[0].frames + sinks[1].frames, 0u);
  pair.holder.hold_up_aside = false;
  pair.holder.run_aside();
  poll();
  for (const CollectingSink& sink : sinks) {
    ASSERT_TRUE(sink.outcome && *sink.outcome);
    expect_slices(sink, 0, 0, kFetched);
  }
  EXPECT_GT(sinks[0].packed_frames, 0u);
}

TEST_F(PackedFramesTest, WhatDoesNotShrinkComesAsItIs) {
  const auto pair = add_pair({.pack = PackMode::kOn}, {.pack = PackMode::kOn});
  std::uint32_t state = 1;
  for (auto& [key, block] : pair.holder.blocks.blocks) {
    for (auto& byte : block.bytes) byte = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
    compute_leaves(block.bytes, block.format.head_slice_bytes(), block.leaves);
  }
  CollectingSink sink;
  const auto answer = look_up(pair.asker, pair.holder.id(), request(0, kFetched));
  auto fetch = pair.asker.exchange->fetch(fetch_request(pair.holder.id(), answer, 0, kFetched), sink, in(2s));
  poll();
  ASSERT_TRUE(sink.outcome && *sink.outcome);
  EXPECT_EQ(sink.bad_leaves, 0u);
  EXPECT_EQ(sink.packed_frames, 0u);
}

TEST_F(PackedFramesTest, AFetchMayEndWhileItsFramesArePacked) {
  const auto pair = add_pair({.pack = PackMode::kOn}, {.pack = PackMode::kOn});
  pair.holder.hold_up_aside = true;
  CollectingSink sink;
  const auto answer = look_up(pair.asker, pair.holder.id(), request(0, kFetched));
  auto fetch = pair.asker.exchange->fetch(fetch_request(pair.holder.id(), answer, 0, kFetched), sink, in(2s));
  poll();
  EXPECT_FALSE(pair.holder.aside.empty());
  fetch.reset();
  poll();
  pair.holder.hold_up_aside = false;
  pair.holder.run_aside();
  poll();
  EXPECT_EQ(sink.frames, 0u);
  EXPECT_EQ(pair.holder.pack_room->free_slots(), pair.holder.pack_room->slots());
  // And the connection.
  pair.holder.hold_up_aside = true;
  fetch = pair.asker.exchange->fetch(fetch_request(pair.holder.id(), answer, 0, kFetched), sink, in(2s));
  poll();
  EXPECT_FALSE(pair.holder.aside.empty());
  base::spawn(io_.get_executor(), pair.asker.host.close());
  poll();
  pair.holder.run_aside();
  poll();
  EXPECT_EQ(pair.holder.pack_room->free_slots(), pair.holder.pack_room->slots());
}

TEST_F(LanesTest, PackedFramesOfALaneThatDiesComeOverTheOthers) {
  for (const std::size_t dies_at : {100u, 9000u, 50'000u, 200'001u}) {
    nodes_.clear();
    auto pair = add_pair(64, 4, PackMode::kOn);
    auto faults = std::make_shared<StreamFaults>();
    faults->reset_after_read_bytes = dies_at;
    pair.asker.host.faults_of_new_data = [&](int number) { return number == 2 ? faults : nullptr; };
    CollectingSink sink;
    auto fetch = start_fetch(pair, sink);
    poll();
    expect_complete(sink);
    EXPECT_GT(sink.packed_frames, 0u);
    EXPECT_EQ(pair.asker.exchange->stats().bytes_received, kBytes) << "nothing twice; died at " << dies_at;
    EXPECT_LT(pair.asker.exchange->stats().wire_bytes_received, kBytes);
    EXPECT_EQ(pair.asker.exchange->stats().lanes_lost, 1u) << dies_at;
    fetch.reset();
    close_all();
  }
}

// Hostile peers ------------------------------------------------------------------------------------------------------

class PackingHolderTest : public HostileHolderTest {
 protected:
  explicit PackingHolderTest(std::uint64_t capabilities = wire::kCounts | wire::kPacks, PackMode mode = PackMode::kOn)
      : HostileHolderTest(capabilities, {.pack = mode}) {}
  /// A layer of blocks 0 to 3, said to be packed in so many bytes, and `bytes` behind the header.
  void send_packed(std::uint32_t packed, const base::Bytes& bytes, std::uint32_t layer = 0) {
    wire::FrameHeader header;
    header.layer = layer;
    header.blocks = 4;
    header.layers = 1;
    header.length = 4 * 2048;
    header.leaves.resize(16);
    header.packed = packed;
    peer_.send(*data_, id_, header);
    peer_.send_bytes(*data_, bytes);
  }
};

TEST_F(PackingHolderTest, ItIsAskedToPack) {
  begin();
  EXPECT_TRUE(get_.may_pack);
}

TEST_F(PackingHolderTest, GarbageReachesTheSinkAndDoesNotUnpack) {
  begin();
  for (const std::uint8_t kind : {0, 1, 9}) {
    send_packed(300, base::Bytes(300, kind), static_cast<std::uint32_t>(sink_.frames));
  }
  EXPECT_EQ(sink_.frames, 3u);
  EXPECT_EQ(sink_.packed_frames, 3u);
  EXPECT_EQ(sink_.bad_leaves, 3u);
  EXPECT_FALSE(peer_.is_ended(*data_)) << "where the payload ends is known";
  fetch_.reset();
  poll();
  EXPECT_EQ(node_.staging->free_slots(), node_.staging->slots());
  EXPECT_TRUE(is_alive());
}

TEST_F(PackingHolderTest, ALengthThatIsNoLessBreaksTheFetch) {
  for (const std::uint32_t packed : {4u * 2048, 4u * 2048 + 1, UINT32_MAX}) {
    sink_ = {};
    begin();
    send_packed(packed, base::Bytes(100));
    EXPECT_TRUE(sink_.outcome);
    EXPECT_EQ(sink_.frames, 0u);
    EXPECT_TRUE(peer_.is_ended(*data_));
    EXPECT_EQ(node_.staging->free_slots(), node_.staging->slots());
  }
  EXPECT_TRUE(is_alive());
}

TEST_F(PackingHolderTest, LessThanWasSaidIsWaitedForUntilTheDeadline) {
  begin();
  send_packed(300, base::Bytes(299));
  EXPECT_EQ(sink_.frames, 0u);
  advance(2s);
  EXPECT_EQ(outcome(), ExchangeError::kTimeout);
  EXPECT_EQ(node_.staging->free_slots(), node_.staging->slots());
}

TEST_F(PackingHolderTest, PackedFramesOfAFetchThatHasEndedAreDropped) {
  begin();
  fetch_.reset();
  poll();
  send_packed(300, base::Bytes(300));
  EXPECT_TRUE(is_alive());
  EXPECT_FALSE(peer_.is_ended(*data_));
}

class PlainHolderTest : public PackingHolderTest {
 protected:
  PlainHolderTest() : PackingHolderTest(wire::kCounts) {}
};

TEST_F(PlainHolderTest, WhoDoesNotPackIsNotAskedTo) {
  begin();
  EXPECT_FALSE(get_.may_pack);
}

TEST_F(PlainHolderTest, PackedFramesThatWereNotAskedForBreakTheFetch) {
  begin();
  send_packed(300, base::Bytes(300));
  EXPECT_EQ(outcome(), ExchangeError::kProtocolBroken);
  EXPECT_EQ(sink_.frames, 0u);
  EXPECT_TRUE(peer_.is_ended(*data_));
}

TEST_F(PackingHolderTest, APutIsNeverPacked) {
  wire::Put put;
  put.format = test_format();
  put.keys = {test_key(50)};
  put.time_ms = 1000;
  peer_.send(*control_, 9, put);
  ASSERT_TRUE(receive<wire::PutAnswer>(*control_));
  auto data = peer_.open_data(node_.host, session_, 1);
  wire::FrameHeader header;
  header.blocks = 1;
  header.layers = 3;
  header.length = 3 * 2048;
  header.leaves.resize(12);
  header.packed = 300;
  peer_.send(*data, 9, header);
  peer_.send_bytes(*data, base::Bytes(300));
  auto error = receive<wire::ErrorMessage>(*control_);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, static_cast<std::uint32_t>(wire::ErrorCode::kBadRequest));
  EXPECT_TRUE(peer_.is_ended(*data));
}

}  // namespace
}  // namespace kvp2p::testing
