#include "cache/transfer_operation.h"

#include "cache/testing/cache_fixture.h"
#include "exchange/exchange_error.h"
#include "gpu/error.h"

#include <atomic>
#include <future>
#include <thread>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

class TransferOperationTest : public testing::CacheTest {
 protected:
  using FetchCall = testing::ScriptedExchange::FetchCall;

  std::shared_ptr<TransferState> transfer(std::size_t blocks = kBlocks) {
    return start_get(decided_match(blocks), blocks);
  }
  FetchCall& fetch(std::size_t i) { return *exchange_->fetches.at(i); }
  void expect_blocks(std::size_t first, std::size_t end) {
    for (Slot slot = static_cast<Slot>(first); slot < end; ++slot) {
      EXPECT_TRUE(engine_.holds(keys_[slot], slot)) << "slot " << slot;
    }
  }
  static void flip_byte(ReceivedFrame& frame) { frame.payload[frame.payload.size() - 1] ^= 1; }
};

TEST_F(TransferOperationTest, BlocksOfAPeerArriveLayerByLayer) {
  add_peer(0, kBlocks);
  auto state = transfer();
  ASSERT_EQ(exchange_->fetches.size(), 1u);
  EXPECT_EQ(fetch(0).request.blocks, kBlocks);
  EXPECT_EQ(fetch(0).request.layers, (std::vector<std::uint32_t>{0, 1, 2}));
  exchange_->send(fetch(0), 0, 0, 6);
  settle();
  EXPECT_FALSE(state->layer_ready(0));
  exchange_->send(fetch(0), 0, 6, 6);
  run_until([&] { return state->layer_ready(0); });
  for (Slot slot = 0; slot < kBlocks; ++slot) EXPECT_TRUE(engine_.holds(keys_[slot], 0, slot));
  exchange_->send(fetch(0), 2, 0, kBlocks);
  exchange_->send(fetch(0), 1, 0, kBlocks);
  exchange_->end(fetch(0), {});
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, kBlocks);
  expect_blocks(0, kBlocks);
  EXPECT_TRUE(engine_.is_poisoned(kBlocks));
  EXPECT_EQ(state->report().bytes_from_peers, kBlocks * engine_.format().block_bytes());
  settle();
  EXPECT_EQ(staging_->free_slots(), staging_->slots());
}

TEST_F(TransferOperationTest, LocalBlocksAreVerifiedAndScattered) {
  put_blocks(0, kBlocks);
  engine_.poison();
  auto state = transfer();
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, kBlocks);
  expect_blocks(0, kBlocks);
  EXPECT_EQ(state->report().bytes_from_local, kBlocks * engine_.format().block_bytes());
}

TEST_F(TransferOperationTest, LocalBlockThatHasRottedIsNotUsed) {
  put_blocks(0, kBlocks);
  engine_.poison();
  const MatchId match = decided_match();
  BlockPin pin = manager_->local_blocks().store().find(keys_[4], engine_.format());
  pin->bytes[pin->format.block_bytes() - 1] ^= 1;
  auto state = start_get(match, kBlocks);
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, 4u);
  EXPECT_NE(state->status().reason.find("local store"), std::string::npos) << state->status().reason;
  expect_blocks(0, 4);
}

TEST_F(TransferOperationTest, HereAndTwoPeersMakeOnePrefix) {
  put_blocks(0, 3);
  engine_.poison();
  add_peer(3, 8);
  add_peer(8, kBlocks);
  auto state = transfer();
  ASSERT_EQ(exchange_->fetches.size(), 2u);
  exchange_->send_all(fetch(1));
  exchange_->send_all(fetch(0));
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, kBlocks);
  expect_blocks(0, kBlocks);
}

TEST_F(TransferOperationTest, CorruptFrameFailsItsBlockAndThoseAfterIt) {
  const auto peer = add_peer(0, kBlocks);
  auto state = transfer();
  exchange_->send(fetch(0), 0, 0, kBlocks);
  run_until([&] { return state->layer_ready(0); });
  exchange_->send(fetch(0), 1, 0, 5);
  exchange_->send(fetch(0), 1, 5, 1, flip_byte);
  run_until([&] { return state->status().good_blocks == 5; });
  EXPECT_FALSE(state->status().done);
  EXPECT_NE(state->status().reason.find(peer.to_text()), std::string::npos);
  EXPECT_EQ(state->failed_blocks().front(), 5u);
  EXPECT_EQ(state->failed_blocks().size(), kBlocks - 5);
  exchange_->send(fetch(0), 2, 0, kBlocks);
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, 5u);
  expect_blocks(0, 5);
  EXPECT_FALSE(engine_.holds(keys_[5], 1, 5)) << "nothing unverified was written";
}

TEST_F(TransferOperationTest, OneCorruptBlockOfARunDoesNotSpoilItsNeighbours) {
  add_peer(0, kBlocks);
  auto state = transfer();
  const std::size_t slice = engine_.format().layer_slice_bytes();
  exchange_->send(fetch(0), 0, 0, kBlocks, [&](ReceivedFrame& frame) { frame.payload[7 * slice] ^= 0x80; });
  run_until([&] { return state->status().good_blocks == 7; });
  run_until([&] { return state->layer_ready(0); });
  for (Slot slot = 0; slot < 7; ++slot) EXPECT_TRUE(engine_.holds(keys_[slot], 0, slot));
  EXPECT_FALSE(engine_.holds(keys_[7], 0, 7));
}

TEST_F(TransferOperationTest, SeveralLayersComeInOneFrame) {
  add_peer(0, kBlocks);
  auto state = transfer();
  exchange_->send_layers(fetch(0), 0, 3, 0, 4);
  exchange_->send_layers(fetch(0), 0, 2, 4, kBlocks - 4);
  run_until([&] { return state->layer_ready(1); });
  EXPECT_FALSE(state->layer_ready(2));
  exchange_->send(fetch(0), 2, 4, kBlocks - 4);
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, kBlocks);
  expect_blocks(0, kBlocks);
}

TEST_F(TransferOperationTest, ACorruptSliceOfAFrameOfSeveralLayersFailsItsBlockOnly) {
  add_peer(0, kBlocks);
  auto state = transfer();
  const std::size_t slice = engine_.format().layer_slice_bytes();
  exchange_->send(fetch(0), 2, 0, kBlocks);
  exchange_->send_layers(fetch(0), 0, 2, 0, kBlocks,
                         [&](ReceivedFrame& frame) { frame.payload[(kBlocks + 7) * slice] ^= 0x80; });
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, 7u);
  expect_blocks(0, 7);
  EXPECT_TRUE(engine_.holds(keys_[7], 0, 7));
  EXPECT_FALSE(engine_.holds(keys_[7], 1, 7)) << "nothing unverified was written";
}

TEST_F(TransferOperationTest, LeavesThatFitAnotherBlockAreCaughtByTheRoot) {
  add_peer(0, kBlocks);
  auto state = transfer();
  exchange_->send(fetch(0), 0, 0, kBlocks);
  exchange_->send(fetch(0), 1, 0, kBlocks);
  run_until([&] { return state->layer_ready(1); });
  // Bytes and leaves of block 3 under the number of block 2.
  exchange_->send(fetch(0), 2, 3, 1, [](ReceivedFrame& frame) { frame.first_block = 2; });
  run_until([&] { return state->status().good_blocks == 2; });
  exchange_->send(fetch(0), 2, 0, 2);
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, 2u);
  expect_blocks(0, 2);
}

TEST_F(TransferOperationTest, BlocksThatWereNeverDigestedAsAWholeNeedNoRoot) {
  exchange_->scripts[add_peer(0, kBlocks)].roots = false;
  auto state = transfer();
  exchange_->send_all(fetch(0));
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, kBlocks);
}

TEST_F(TransferOperationTest, BrokenFramesEndTheFetch) {
  const auto spoils = std::vector<std::function<void(ReceivedFrame&)>>{
      [](ReceivedFrame& frame) { frame.layer = 99; },
      [](ReceivedFrame& frame) { frame.first_block = 4'000'000'000; },
      [](ReceivedFrame& frame) { frame.blocks = 4'000'000'000; },
      [](ReceivedFrame& frame) { frame.blocks = 0; },
      [](ReceivedFrame& frame) { frame.payload = frame.payload.first(frame.payload.size() - 1); },
      [](ReceivedFrame& frame) { frame.leaves.pop_back(); },
  };
  add_peer(0, kBlocks);
  for (const auto& spoil : spoils) {
    auto state = transfer();
    exchange_->send(*exchange_->fetches.back(), 0, 0, 2, spoil);
    settle();
    EXPECT_TRUE(state->status().done);
    EXPECT_EQ(state->status().good_blocks, 0u);
  }
  EXPECT_EQ(staging_->free_slots(), staging_->slots());
}

TEST_F(TransferOperationTest, ShortAnswerDeliversThePrefixBeforeTheGap) {
  add_peer(0, kBlocks);
  auto state = transfer();
  for (std::uint32_t layer = 0; layer < 3; ++layer) {
    exchange_->send(fetch(0), layer, 0, 4);
    exchange_->send(fetch(0), layer, 5, kBlocks - 5);
  }
  exchange_->end(fetch(0), {});
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, 4u);
  expect_blocks(0, 4);
}

TEST_F(TransferOperationTest, PeerThatGoesAwayIsReplacedByAnother) {
  add_peer(0, kBlocks);
  add_peer(0, kBlocks);
  auto state = transfer();
  ASSERT_EQ(exchange_->fetches.size(), 1u);
  exchange_->send(fetch(0), 0, 0, kBlocks);
  exchange_->send(fetch(0), 1, 0, 3);
  exchange_->end(fetch(0), ExchangeError::kPeerGone);
  settle();
  ASSERT_EQ(exchange_->fetches.size(), 2u);
  EXPECT_NE(fetch(1).request.peer, fetch(0).request.peer);
  EXPECT_EQ(fetch(1).request.layers, (std::vector<std::uint32_t>{1, 2})) << "only what is missing";
  exchange_->send_all(fetch(1));
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, kBlocks);
  expect_blocks(0, kBlocks);
}

TEST_F(TransferOperationTest, LayersOfTwoComputationsAreNotMixed) {
  add_peer(0, kBlocks);
  exchange_->scripts[add_peer(0, kBlocks)].other_roots = true;
  auto state = transfer();
  exchange_->send(fetch(0), 0, 0, 5);
  settle();
  exchange_->end(fetch(0), ExchangeError::kPeerGone);
  settle();
  EXPECT_EQ(exchange_->fetches.size(), 1u) << "block 0 was begun: nobody else can complete it";
  EXPECT_TRUE(state->status().done);
  EXPECT_EQ(state->status().good_blocks, 0u);
}

TEST_F(TransferOperationTest, CorruptBlockIsFetchedFromAnotherPeer) {
  add_peer(0, kBlocks);
  add_peer(0, kBlocks);
  auto state = transfer();
  exchange_->send(fetch(0), 0, 0, kBlocks, flip_byte);
  settle();
  ASSERT_EQ(exchange_->fetches.size(), 2u);
  EXPECT_EQ(fetch(1).request.blocks, 1u);
  exchange_->send_all(fetch(1));
  // What the first still sends of that block counts for nothing.
  exchange_->send(fetch(0), 1, 0, kBlocks);
  exchange_->send(fetch(0), 2, 0, kBlocks);
  exchange_->end(fetch(0), {});
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, kBlocks) << state->status().reason;
  expect_blocks(0, kBlocks);
}

TEST_F(TransferOperationTest, NobodyElseHasTheRest) {
  add_peer(0, kBlocks);
  add_peer(0, 6);
  auto state = transfer();
  exchange_->end(fetch(0), ExchangeError::kPeerGone);
  settle();
  ASSERT_EQ(exchange_->fetches.size(), 2u);
  EXPECT_EQ(state->status().good_blocks, 6u);
  exchange_->end(fetch(1), ExchangeError::kPeerGone);
  settle();
  EXPECT_EQ(state->status().good_blocks, 0u);
  EXPECT_TRUE(state->status().done);
  EXPECT_EQ(exchange_->fetches.size(), 2u) << "a peer that failed is not asked again";
}

TEST_F(TransferOperationTest, GoneBlocksEndThePrefix) {
  add_peer(0, kBlocks);
  auto state = transfer();
  fetch(0).sink->on_gone(8, 2);
  settle();
  EXPECT_EQ(state->status().good_blocks, 8u);
  exchange_->send_all(fetch(0));
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, 8u);
}

TEST_F(TransferOperationTest, PeerWhoseBlocksAreOfNoUseAnyMoreIsToldToStop) {
  const auto first = add_peer(0, 6);
  add_peer(6, kBlocks);
  auto state = transfer();
  ASSERT_EQ(exchange_->fetches.size(), 2u);
  const std::size_t of_first = fetch(0).request.peer == first ? 0 : 1;
  exchange_->send(fetch(of_first), 0, 4, 1, flip_byte);
  run_until([&] { return state->status().good_blocks == 4; });
  settle();
  EXPECT_NE(fetch(of_first).sink, nullptr);
  EXPECT_EQ(fetch(1 - of_first).sink, nullptr);
}

TEST_F(TransferOperationTest, StalledPeerCostsTheDeadlineAndWhatIsCompleteIsKept) {
  add_peer(0, kBlocks);
  auto state = transfer();
  for (std::uint32_t layer = 0; layer < 3; ++layer) exchange_->send(fetch(0), layer, 0, 4);
  exchange_->send(fetch(0), 0, 4, 8);
  settle();
  EXPECT_FALSE(state->status().done);
  advance(2s);
  EXPECT_TRUE(state->status().done);
  EXPECT_EQ(state->status().good_blocks, 4u);
  EXPECT_EQ(fetch(0).sink, nullptr) << "the peer is told to stop";
  EXPECT_FALSE(state->status().reason.empty());
}

TEST_F(TransferOperationTest, NothingIsWrittenAfterCancel) {
  add_peer(0, kBlocks);
  auto state = transfer();
  exchange_->send(fetch(0), 0, 0, kBlocks);
  state->cancel("cancelled");
  engine_.poison();
  exchange_->send(fetch(0), 1, 0, kBlocks);
  settle();
  EXPECT_TRUE(state->status().done);
  for (Slot slot = 0; slot < kBlocks; ++slot) EXPECT_TRUE(engine_.is_poisoned(slot));
  EXPECT_EQ(fetch(0).sink, nullptr);
  EXPECT_EQ(staging_->free_slots(), staging_->slots());
}

TEST_F(TransferOperationTest, ReleasedMatchDoesNotEndTheTransferAndItsLeaseEndsWithIt) {
  add_peer(0, kBlocks);
  const MatchId match = decided_match();
  auto state = start_get(match, kBlocks);
  manager_->release(match);
  settle();
  EXPECT_EQ(exchange_->live_leases.size(), 1u);
  exchange_->send_all(fetch(0));
  run_until([&] { return state->status().done; });
  settle();
  EXPECT_TRUE(exchange_->live_leases.empty());
}

TEST_F(TransferOperationTest, DestinationIsNotWrittenBeforeTheEnginesEvent) {
  add_peer(0, kBlocks);
  GetRequest get = get_request(decided_match(), kBlocks);
  get.ready.host = std::make_shared<HostEvent>();
  const auto state = manager_->find(manager_->get(get).value());
  settle();
  exchange_->send_all(fetch(0));
  settle();
  for (Slot slot = 0; slot < kBlocks; ++slot) ASSERT_TRUE(engine_.is_poisoned(slot));
  get.ready.host->signal();
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, kBlocks);
  expect_blocks(0, kBlocks);
}

TEST_F(TransferOperationTest, CancelDoesNotWaitForTheEnginesEvent) {
  add_peer(0, kBlocks);
  GetRequest get = get_request(decided_match(), kBlocks);
  get.ready.host = std::make_shared<HostEvent>();
  const auto state = manager_->find(manager_->get(get).value());
  settle();
  exchange_->send_all(fetch(0));
  settle();
  state->cancel("cancelled");
  get.ready.host->signal();
  settle();
  for (Slot slot = 0; slot < kBlocks; ++slot) ASSERT_TRUE(engine_.is_poisoned(slot));
}

/// Copies are launched by whoever has checked a frame, and end on the device's own time.
class DeviceTransferTest : public TransferOperationTest {
 protected:
  DeviceTransferTest() { connector_.as_device = true; }
  ~DeviceTransferTest() override { connector_.after_scatter = nullptr; }
};

TEST_F(DeviceTransferTest, BlocksOfAPeerArrive) {
  add_peer(0, kBlocks);
  auto state = transfer();
  exchange_->send_all(fetch(0));
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, kBlocks);
  expect_blocks(0, kBlocks);
  EXPECT_TRUE(engine_.is_poisoned(kBlocks));
  EXPECT_GT(connector_.scatters, 0);
  settle();
  EXPECT_EQ(staging_->free_slots(), staging_->slots());
}

TEST_F(DeviceTransferTest, SeveralLayersComeInOneFrame) {
  add_peer(0, kBlocks);
  auto state = transfer();
  exchange_->send_layers(fetch(0), 0, 3, 0, kBlocks);
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, kBlocks);
  expect_blocks(0, kBlocks);
}

TEST_F(DeviceTransferTest, BlocksFromHereArrive) {
  put_blocks(0, kBlocks);
  engine_.poison();
  auto state = transfer();
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, kBlocks);
  expect_blocks(0, kBlocks);
  EXPECT_EQ(state->report().bytes_from_local, kBlocks * engine_.format().block_bytes());
}

TEST_F(DeviceTransferTest, CopyThatFailsFailsItsBlocks) {
  connector_.after_scatter = [] { return base::Result<>(GpuError::kDeviceFailed); };
  add_peer(0, kBlocks);
  auto state = transfer();
  exchange_->send_all(fetch(0));
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, 0u);
  settle();
  EXPECT_EQ(staging_->free_slots(), staging_->slots());
}

// Its bytes are in place by then: that does not make them the block's.
TEST_F(DeviceTransferTest, PartsThatDoNotMakeUpTheBlockAreNotUsed) {
  exchange_->scripts[add_peer(0, kBlocks)].other_roots = true;
  auto state = transfer();
  exchange_->send_all(fetch(0));
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, 0u);
}

TEST_F(DeviceTransferTest, CancelWaitsForTheDevicesCopy) {
  std::atomic<bool> begun{false};
  std::atomic<bool> go_on{false};
  connector_.after_scatter = [&]() -> base::Result<> {
    begun = true;
    while (!go_on) std::this_thread::yield();
    return {};
  };
  add_peer(0, kBlocks);
  auto state = transfer();
  exchange_->send_all(fetch(0));
  run_until([&] { return begun.load(); });
  auto cancelled = std::async(std::launch::async, [&] { state->cancel("cancelled"); });
  EXPECT_EQ(cancelled.wait_for(20ms), std::future_status::timeout);
  go_on = true;
  run_until([&] { return cancelled.wait_for(0s) == std::future_status::ready; });
  engine_.poison();
  settle();
  for (Slot slot = 0; slot < kBlocks; ++slot) ASSERT_TRUE(engine_.is_poisoned(slot)) << "written after cancel()";
  EXPECT_EQ(staging_->free_slots(), staging_->slots());
}

TEST_F(TransferOperationTest, LayersAreAskedForInTheOrderWanted) {
  add_peer(0, kBlocks);
  GetRequest get = get_request(decided_match(), 4);
  get.layer_order = {2, 0, 1};
  get.first_block = 3;
  const auto state = manager_->find(manager_->get(get).value());
  settle();
  EXPECT_EQ(fetch(0).request.layers, get.layer_order);
  EXPECT_EQ(fetch(0).request.first_block, 3u);
  exchange_->send_all(fetch(0));
  run_until([&] { return state->status().done; });
  for (Slot slot = 0; slot < 4; ++slot) EXPECT_TRUE(engine_.holds(keys_[slot + 3], slot));
}

TEST_F(TransferOperationTest, BadRequestsAreRefusedBeforeAnythingStarts) {
  add_peer(0, 6);
  const MatchId match = decided_match();
  const auto error_of = [&](auto change) {
    GetRequest get = get_request(match, 4);
    change(get);
    return manager_->get(get).error();
  };
  EXPECT_EQ(error_of([](GetRequest& g) { g.match = MatchId{999}; }), KvError::kUnknownId);
  EXPECT_EQ(error_of([](GetRequest& g) { g.slots.clear(); }), KvError::kBadRequest);
  EXPECT_EQ(error_of([](GetRequest& g) { g.shard = 1; }), KvError::kBadRequest);
  EXPECT_EQ(error_of([](GetRequest& g) { g.first_block = 3; }), KvError::kNotMatched);
  EXPECT_EQ(error_of([](GetRequest& g) { g.first_block = SIZE_MAX; }), KvError::kNotMatched);
  EXPECT_EQ(error_of([](GetRequest& g) { g.slots[1] = g.slots[0]; }), KvError::kSlotOutOfRange);
  EXPECT_EQ(error_of([](GetRequest& g) { g.slots[1] = 99; }), KvError::kSlotOutOfRange);
  EXPECT_EQ(error_of([](GetRequest& g) { g.layer_order = {0, 1}; }), KvError::kBadLayerOrder);
  EXPECT_EQ(error_of([](GetRequest& g) { g.layer_order = {0, 1, 1}; }), KvError::kBadLayerOrder);
  EXPECT_EQ(error_of([](GetRequest& g) { g.layer_order = {0, 1, 3}; }), KvError::kBadLayerOrder);
  EXPECT_EQ(error_of([](GetRequest& g) { g.region = RegionId{99}; }), GpuError::kUnknownRegion);
  exchange_->scripts[add_peer(6, kBlocks, false)].silent = true;
  const MatchId pending = manager_->match(request(5));
  EXPECT_EQ(error_of([&](GetRequest& g) { g.match = pending; }), KvError::kMatchPending);
  EXPECT_TRUE(exchange_->fetches.empty());
}

TEST_F(TransferOperationTest, UnregisteringTheMemoryCancels) {
  add_peer(0, kBlocks);
  auto state = transfer();
  exchange_->send(fetch(0), 0, 0, kBlocks);
  manager_->unregister_region(region_);
  engine_.poison();
  EXPECT_TRUE(state->status().done);
  settle();
  for (Slot slot = 0; slot < kBlocks; ++slot) ASSERT_TRUE(engine_.is_poisoned(slot));
}

TEST_F(TransferOperationTest, StoppingEndsTransfers) {
  add_peer(0, kBlocks);
  auto state = transfer();
  manager_->stop();
  EXPECT_TRUE(state->status().done);
  EXPECT_EQ(state->status().good_blocks, 0u);
}

}  // namespace
}  // namespace kvp2p
