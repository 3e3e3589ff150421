// Direct transfers over real regions, generations and sockets, on host memory.
#include "cache/testing/direct_fixture.h"
#include "gpu/error.h"

#include <filesystem>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using testing::DirectCacheTest;
using testing::Shape;

constexpr char kDirect[] = "direct, shared host memory";

class DirectTest : public DirectCacheTest {
 protected:
  using DirectCacheTest::DirectCacheTest;
  std::shared_ptr<TransferState> transfer() { return start_get(decided_match(), kBlocks); }
  /// Has all blocks stored, and answers after the match was decided, with answer_silent().
  multiformats::PeerId add_slower_peer() {
    const auto peer = add_peer(0, kBlocks, false);
    exchange_->scripts[peer].silent = true;
    return peer;
  }
  void expect_staged(const TransferState& state, const std::string& why) {
    EXPECT_NE(state.report().path.find("staged: " + why), std::string::npos) << state.report().path;
    expect_right(state, kBlocks);
    EXPECT_EQ(exchange_->fetches.size(), 1u);
  }
  void expect_direct(const TransferState& state) {
    EXPECT_EQ(state.report().path, kDirect);
    EXPECT_EQ(state.report().bytes_direct, kBlocks * engine_.format().block_bytes());
    EXPECT_EQ(state.report().bytes_from_peers, 0u);
    expect_right(state, kBlocks);
    EXPECT_TRUE(exchange_->fetches.empty());
  }
};

TEST_F(DirectTest, OfferedBlocksAreReadInPlace) {
  open();
  offer(0, kBlocks);
  auto state = transfer();
  run_until_done(state);
  expect_direct(*state);
  EXPECT_EQ(connector_.direct_copies, 1);
  EXPECT_TRUE(engine_.is_poisoned(kBlocks));
  EXPECT_EQ(counter("direct_transfers"), 1u);
  EXPECT_EQ(counter("direct_bytes"), state->report().bytes_direct);
  EXPECT_EQ(counter("direct_fallbacks"), 0u);
}

TEST_F(DirectTest, BothWaysBringTheSameBytes) {
  open();
  offer(0, kBlocks);
  const MatchId match = decided_match();
  auto direct = start_get(match, kBlocks);
  run_until_done(direct);
  manager_->release(match);
  expect_direct(*direct);
  const std::vector<std::uint8_t> in_place(engine_.bytes().begin(), engine_.bytes().end());
  engine_.poison();
  exchange_->on_answer = nullptr;
  auto staged = transfer();
  run_until_done(staged);
  expect_staged(*staged, "");
  EXPECT_TRUE(std::equal(in_place.begin(), in_place.end(), engine_.bytes().begin(), engine_.bytes().end()));
}

TEST_F(DirectTest, StoredBlocksAreReadInPlaceWhereTheyAreOfferedToo) {
  open();
  offer(0, kBlocks);
  LookupRequest lookup;
  lookup.fingerprint = fingerprint_;
  lookup.format = engine_.format();
  lookup.keys = keys_;
  for (const FoundBlock& block : owner_->local_blocks().lookup(reader_id_, lookup).blocks) {
    EXPECT_TRUE(block.place);
    EXPECT_EQ(block.tier, Tier::kDevice);
  }
  for (const FoundBlock& block : owner_->local_blocks().lookup(testing::new_peer_id(), lookup).blocks) {
    EXPECT_TRUE(block.present);
    EXPECT_FALSE(block.place) << "another peer has nothing open";
  }
}

TEST_F(DirectTest, EventOfTheEngineIsWaitedFor) {
  open();
  offer(0, kBlocks);
  GetRequest get = get_request(decided_match(), kBlocks);
  get.ready.host = std::make_shared<HostEvent>();
  const auto state = manager_->find(manager_->get(get).value());
  settle();
  EXPECT_EQ(connector_.direct_copies, 0);
  EXPECT_TRUE(engine_.is_poisoned(0));
  get.ready.host->signal();
  run_until_done(state);
  expect_direct(*state);
}

TEST_F(DirectTest, TransferThatIsCancelledBeforeItsEventWritesNothing) {
  open();
  offer(0, kBlocks);
  GetRequest get = get_request(decided_match(), kBlocks);
  get.ready.host = std::make_shared<HostEvent>();
  const auto state = manager_->find(manager_->get(get).value());
  settle();
  state->cancel("cancelled");
  settle();
  get.ready.host->signal();
  settle();
  EXPECT_EQ(connector_.direct_copies, 0);
  EXPECT_TRUE(engine_.is_poisoned(0));
  EXPECT_FALSE(manager_->holds_peer_regions());
}

TEST_F(DirectTest, OfferIsShownOnceItsDeviceEventHasHappened) {
  const auto offer_behind_an_event = [&] {
    PutRequest request;
    request.fingerprint = fingerprint_;
    request.region = region_;
    request.keys = keys_;
    for (Slot slot = 0; slot < kBlocks; ++slot) request.slots.push_back(slot);
    request.ready.device = this;
    return manager_->offer(std::move(request)).value();
  };
  const auto is_shown = [&] {
    settle();
    LookupRequest lookup;
    lookup.fingerprint = fingerprint_;
    lookup.format = engine_.format();
    lookup.keys = keys_;
    return manager_->local_blocks().lookup(owner_id_, lookup).blocks.front().present;
  };
  const OfferId failed = offer_behind_an_event();
  connector_.events.at(0)(GpuError::kDeviceFailed);
  EXPECT_FALSE(is_shown()) << "nobody knows what it holds";
  manager_->revoke(failed);
  const OfferId revoked = offer_behind_an_event();
  manager_->revoke(revoked);
  connector_.events.at(1)({});
  EXPECT_FALSE(is_shown());
  offer_behind_an_event();
  EXPECT_FALSE(is_shown());
  connector_.events.at(2)({});
  EXPECT_TRUE(is_shown());
}

// Fall-backs ----------------------------------------------------------------------------------------------------------

TEST_F(DirectTest, WithoutASessionBlocksComeTheNormalWay) {
  offer(0, kBlocks);
  auto state = transfer();
  run_until_done(state);
  expect_staged(*state, "no direct path was agreed with the peer");
}

TEST_F(DirectTest, BlocksThatAreNotOfferedComeTheNormalWay) {
  open();
  exchange_->on_answer = nullptr;
  auto state = transfer();
  run_until_done(state);
  expect_staged(*state, "the peer holds the blocks in host memory only");
  EXPECT_EQ(counter("direct_fallbacks"), 0u);
}

TEST_F(DirectTest, FailedCopyIsReplacedByTheNormalWay) {
  open();
  offer(0, kBlocks);
  connector_.before_copy = [] { return base::Result<>(GpuError::kDeviceFailed); };
  auto state = transfer();
  run_until_done(state);
  expect_staged(*state, "the copy failed: ");
  EXPECT_EQ(counter("direct_fallbacks"), 1u);
  EXPECT_EQ(counter("direct_stale_blocks"), 0u);
  EXPECT_EQ(counter("direct_transfers"), 0u);
}

TEST_F(DirectTest, OwnerThatHasGoneIsNotRead) {
  open();
  offer(0, kBlocks);
  const MatchId match = decided_match();
  owner_->unregister_region(owner_region_);
  auto state = start_get(match, kBlocks);
  run_until_done(state);
  expect_staged(*state, "");
}

TEST_F(DirectTest, BlocksHereAndOfferedAndStoredElsewhereMakeOnePrefix) {
  put_blocks(0, 3);
  engine_.poison();
  open();
  offer(3, 7);
  exchange_->scripts[owner_id_].keys.clear();
  exchange_->scripts[owner_id_].keys.insert(keys_.begin(), keys_.begin() + 7);
  add_peer(7, kBlocks);
  auto state = transfer();
  run_until_done(state);
  expect_right(*state, kBlocks);
  EXPECT_EQ(state->report().bytes_direct, 4 * engine_.format().block_bytes());
  EXPECT_EQ(state->report().bytes_from_local, 3 * engine_.format().block_bytes());
  EXPECT_EQ(state->report().bytes_from_peers, 5 * engine_.format().block_bytes());
  EXPECT_NE(state->report().path.find("direct"), std::string::npos);
  EXPECT_NE(state->report().path.find("staged"), std::string::npos);
}

// Layouts -------------------------------------------------------------------------------------------------------------

class OtherLayoutTest : public DirectTest {
 protected:
  OtherLayoutTest() : DirectTest(nhd(shape())) {}
};

TEST_F(OtherLayoutTest, LayoutIsConvertedOnTheWay) {
  open();
  offer(0, kBlocks);
  auto state = transfer();
  run_until_done(state);
  expect_direct(*state);
}

class MoreLayersTest : public DirectTest {
 protected:
  static Shape more_layers() {
    Shape more = shape();
    more.layers = 5;
    return more;
  }
  MoreLayersTest() : DirectTest(hnd(more_layers())) {}
};

TEST_F(MoreLayersTest, PartOfTheOwnersLayersIsRead) {
  open();
  offer(0, kBlocks);
  auto state = transfer();
  run_until_done(state);
  expect_direct(*state);
}

class MoreHeadsTest : public DirectTest {
 protected:
  static Shape more_heads() {
    Shape more = shape();
    more.heads = 4;
    return more;
  }
  MoreHeadsTest() : DirectTest(hnd(more_heads())) {}
};

TEST_F(MoreHeadsTest, PartOfTheOwnersHeadsComesTheNormalWay) {
  open();
  offer(0, kBlocks);
  auto state = transfer();
  run_until_done(state);
  expect_staged(*state, "head range differs");
  EXPECT_EQ(connector_.direct_copies, 0);
}

// Blocks that are taken back ------------------------------------------------------------------------------------------

enum class When : std::uint8_t { kBefore, kAmid, kAfter };

struct Moment {
  const char* name;
  When when;
  /// The owner waits for its readers, cuts them off, and writes other blocks.
  bool reused;
};

class TakenBackTest : public DirectTest, public ::testing::WithParamInterface<Moment> {};

TEST_P(TakenBackTest, IsNoticedWheneverItHappens) {
  open();
  const OfferId offered = offer(0, kBlocks);
  bool taken = false;
  const auto take = [&] {
    if (std::exchange(taken, true)) return;
    if (GetParam().reused) {
      take_back_and_reuse(offered);
    } else {
      owner_->revoke(offered);
    }
  };
  switch (GetParam().when) {
    case When::kBefore:
      connector_.before_copy = [&] {
        take();
        return base::Result<>();
      };
      break;
    case When::kAmid:
      connector_.amid_copy = take;
      break;
    case When::kAfter:
      connector_.after_copy = take;
      break;
  }
  auto state = transfer();
  run_until_done(state);
  EXPECT_TRUE(taken);
  // An owner that has cut its readers off looks gone, sooner or later.
  expect_staged(*state, GetParam().reused ? "the owner " : "the owner took blocks back during the copy");
  EXPECT_EQ(state->report().bytes_direct, 0u);
  EXPECT_EQ(counter("direct_fallbacks"), 1u);
  if (!GetParam().reused) {
    EXPECT_EQ(counter("direct_stale_blocks"), kBlocks);
  }
}

INSTANTIATE_TEST_SUITE_P(Moments, TakenBackTest,
                         ::testing::Values(Moment{"BeforeTheCopy", When::kBefore, false},
                                           Moment{"BeforeTheCopyAndReused", When::kBefore, true},
                                           Moment{"AmidTheCopy", When::kAmid, false},
                                           Moment{"AmidTheCopyAndReused", When::kAmid, true},
                                           Moment{"AfterTheCopy", When::kAfter, false},
                                           Moment{"AfterTheCopyAndReused", When::kAfter, true}),
                         [](const auto& moment) { return std::string(moment.param.name); });

TEST_F(DirectTest, BlocksTakenBackBeforeTheLookUpAreNotFound) {
  open();
  take_back_and_reuse(offer(0, kBlocks));
  settle();
  EXPECT_EQ(status_of(decided_match()).blocks, 0u);
}

TEST_F(DirectTest, BlocksTakenBackAfterTheLookUpAreNotCopied) {
  open();
  const OfferId offered = offer(0, kBlocks);
  const MatchId match = decided_match();
  take_back_and_reuse(offered);
  auto state = start_get(match, kBlocks);
  run_until_done(state);
  expect_staged(*state, "the owner has taken blocks back");
  EXPECT_EQ(connector_.direct_copies, 0);
  EXPECT_EQ(counter("direct_stale_blocks"), kBlocks);
}

TEST_F(DirectTest, BlocksTakenBackAfterTheCheckAreTheReadersAlready) {
  open();
  const OfferId offered = offer(0, kBlocks);
  auto state = transfer();
  run_until_done(state);
  take_back_and_reuse(offered);
  expect_direct(*state);
}

TEST_F(DirectTest, BlockThatIsGoneForGoodEndsThePrefix) {
  open();
  offer(0, 5);
  const OfferId gone = offer(5, kBlocks);
  const MatchId match = decided_match();
  take_back_and_reuse(gone);
  auto state = start_get(match, kBlocks);
  run_until([&] { return exchange_->fetches.size() == 1; });
  // Nothing of the run was copied, for part of it was known to be gone; the peer then serves what it still has.
  EXPECT_EQ(exchange_->fetches[0]->request.blocks, kBlocks);
  exchange_->fetches[0]->sink->on_gone(5, kBlocks - 5);
  run_until_done(state);
  EXPECT_EQ(state->status().good_blocks, 5u);
  expect_right(*state, 5);
}

// Steps, cancelling, deadlines ----------------------------------------------------------------------------------------

class SteppedTest : public DirectTest {
 protected:
  SteppedTest() : DirectTest(hnd(shape()), 1) {}
};

TEST_F(SteppedTest, LayersBecomeReadyOneAfterTheOther) {
  open();
  offer(0, kBlocks);
  int copied = 0;
  std::atomic<bool> go_on{false};
  connector_.after_copy = [&] {
    if (++copied == 2) {
      while (!go_on) std::this_thread::yield();
    }
  };
  GetRequest get = get_request(decided_match(), kBlocks);
  get.layer_order = {2, 0, 1};
  const auto state = manager_->find(manager_->get(get).value());
  run_until([&] { return state->layer_ready(2); });
  EXPECT_FALSE(state->layer_ready(0));
  EXPECT_FALSE(state->layer_ready(1));
  go_on = true;
  run_until_done(state);
  expect_direct(*state);
  EXPECT_EQ(connector_.direct_copies, 3);
}

TEST_F(SteppedTest, LayersAfterTheBlocksWereTakenBackComeTheNormalWay) {
  open();
  const OfferId offered = offer(0, kBlocks);
  int copied = 0;
  connector_.after_copy = [&] {
    if (++copied == 2) owner_->revoke(offered);
  };
  auto state = transfer();
  run_until_done(state);
  expect_staged(*state, "the owner took blocks back during the copy");
  EXPECT_EQ(state->report().bytes_direct, kBlocks * engine_.format().layer_slice_bytes());
  EXPECT_EQ(exchange_->fetches[0]->request.layers, (std::vector<std::uint32_t>{1, 2}));
}

/// The owner has stored copies beside what it offers, and takes its offer back when the first layer is there.
class HalfInPlaceTest : public SteppedTest {
 protected:
  void start() {
    open();
    offered_ = offer(0, kBlocks);
    const auto from_owner = exchange_->on_answer;
    exchange_->on_answer = [from_owner](const auto& peer, const LookupRequest& request, LookupAnswer& answer) {
      const std::vector<FoundBlock> stored = answer.blocks;
      from_owner(peer, request, answer);
      for (std::size_t i = 0; i < stored.size(); ++i) answer.blocks[i].root = stored[i].root;
    };
    connector_.after_copy = [this] {
      if (++copied_ == 2) owner_->revoke(offered_);
    };
    state_ = transfer();
    run_until([&] { return exchange_->fetches.size() == 1; });
    EXPECT_TRUE(state_->layer_ready(0)) << "the engine may be reading it";
    EXPECT_EQ(fetch(0).request.layers, (std::vector<std::uint32_t>{0})) << "what came in place is compared first";
  }
  testing::ScriptedExchange::FetchCall& fetch(std::size_t i) { return *exchange_->fetches.at(i); }

  OfferId offered_{};
  int copied_ = 0;
  std::shared_ptr<TransferState> state_;
};

TEST_F(HalfInPlaceTest, StoredCopyCompletesWhatItIsEqualTo) {
  start();
  run_until_done(state_);
  ASSERT_EQ(exchange_->fetches.size(), 2u);
  EXPECT_EQ(fetch(1).request.layers, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(fetch(1).request.blocks, kBlocks);
  expect_right(*state_, kBlocks);
}

TEST_F(HalfInPlaceTest, LayersOfTwoComputationsNeverMakeUpABlock) {
  // What is offered differs from the stored copy from block 7 on.
  other_from_ = 7;
  start();
  run_until_done(state_);
  EXPECT_EQ(state_->status().good_blocks, 7u);
  EXPECT_NE(state_->status().reason.find("another computation"), std::string::npos) << state_->status().reason;
  expect_right(*state_, 7);
  ASSERT_EQ(exchange_->fetches.size(), 2u);
  EXPECT_EQ(fetch(1).request.blocks, 7u);
  for (Slot slot = 7; slot < kBlocks; ++slot) {
    EXPECT_FALSE(engine_.holds(keys_[slot], 1, slot)) << "a layer of the stored copy beside the offered one's";
  }
}

TEST_F(HalfInPlaceTest, AnotherPeerWithTheSameCopyCompletesIt) {
  const auto other = add_slower_peer();
  start();
  exchange_->answer_silent();
  settle();
  ASSERT_EQ(fetch(0).request.peer, owner_id_);
  exchange_->send(fetch(0), 0, 0, 5);
  exchange_->end(fetch(0), GpuError::kStopping);
  run_until_done(state_);
  expect_right(*state_, kBlocks);
  EXPECT_TRUE(std::any_of(exchange_->fetches.begin(), exchange_->fetches.end(),
                          [&](const auto& call) { return call->request.peer == other; }));
}

TEST_F(HalfInPlaceTest, CancelDuringTheComparisonLeavesNothing) {
  start();
  exchange_->send(fetch(0), 0, 0, kBlocks);
  state_->cancel("cancelled");
  settle();
  EXPECT_EQ(exchange_->fetches.size(), 1u);
  EXPECT_EQ(staging_->free_slots(), staging_->slots());
  EXPECT_FALSE(manager_->holds_peer_regions());
}

TEST_F(DirectTest, WhatTheOwnerNoLongerHasAnotherPeerServes) {
  open();
  const OfferId offered = offer(0, kBlocks);
  const auto other = add_slower_peer();
  const MatchId match = decided_match();
  exchange_->answer_silent();
  settle();
  take_back_and_reuse(offered);
  auto state = start_get(match, kBlocks);
  run_until([&] { return exchange_->fetches.size() == 1; });
  ASSERT_EQ(exchange_->fetches[0]->request.peer, owner_id_);
  exchange_->fetches[0]->sink->on_gone(0, kBlocks);
  run_until_done(state);
  expect_right(*state, kBlocks);
  EXPECT_EQ(exchange_->fetches.back()->request.peer, other);
}

TEST_F(DirectTest, CancelWaitsForTheCopyAndNothingIsWrittenAfterwards) {
  open();
  offer(0, kBlocks);
  std::atomic<bool> copied{false}, go_on{false}, cancelled{false};
  connector_.after_copy = [&] {
    copied = true;
    while (!go_on) std::this_thread::yield();
  };
  auto state = transfer();
  run_until([&] { return copied.load(); });
  std::thread canceller([&] {
    state->cancel("cancelled");
    cancelled = true;
  });
  run_until([&] { return state->ended(); });
  EXPECT_FALSE(cancelled);
  go_on = true;
  canceller.join();
  engine_.poison();
  settle();
  for (Slot slot = 0; slot < kBlocks; ++slot) EXPECT_TRUE(engine_.is_poisoned(slot));
  EXPECT_FALSE(manager_->holds_peer_regions());
}

TEST_F(DirectTest, DeadlineDuringTheCopyLeavesWhatIsComplete) {
  open();
  offer(0, kBlocks);
  std::atomic<bool> copied{false}, go_on{false};
  connector_.after_copy = [&] {
    copied = true;
    while (!go_on) std::this_thread::yield();
  };
  auto state = transfer();
  run_until([&] { return copied.load(); });
  clock_.advance(10s);
  EXPECT_TRUE(state->ended());
  EXPECT_FALSE(state->status().done);
  go_on = true;
  run_until([&] { return state->status().done; });
  expect_right(*state, 0);
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST_F(DirectTest, AThousandAbortedTransfersLeaveNothing) {
  open();
  const OfferId offered = offer(0, kBlocks);
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 1000; ++i) {
    const MatchId match = manager_->match(request());
    run_until([&] { return !status_of(match).pending; });
    ASSERT_EQ(status_of(match).blocks, kBlocks) << i << ": " << status_of(match).reason;
    const TransferId id = manager_->get(get_request(match, kBlocks)).value();
    for (int turn = 0; turn < i % 5; ++turn) io_.poll_one();
    std::thread canceller([&] { manager_->release(id); });
    canceller.join();
    manager_->release(match);
    run_until([&] { return !manager_->holds_peer_regions() && exchange_->live_leases.empty(); });
  }
  settle();
  EXPECT_TRUE(exchange_->live_leases.empty());
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(connector_.imports, 1) << "the owner's region";
  EXPECT_EQ(staging_->free_slots(), staging_->slots());
  EXPECT_EQ(counter("store_bytes"), 0u);
  EXPECT_EQ(owner_->local_blocks().leases(), 0u);
  owner_->revoke(offered);
  EXPECT_TRUE(owner_->find(offered)->unleased()) << "a mark was left";
}

}  // namespace
}  // namespace kvp2p
