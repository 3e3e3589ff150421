// What a transfer makes of its sources' conduct: who does wrong is told of, who is slow, gone or started again is not.
#include "cache/testing/cache_fixture.h"
#include "exchange/exchange_error.h"

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using multiformats::PeerId;

constexpr std::size_t kPieceSlices = 6;

/// Pieces of a few slices, so that several sources have a part in each block.
FetchLimits small_pieces(const testing::Shape& shape) {
  FetchLimits limits;
  limits.piece_bytes_min = kPieceSlices * testing::hnd(shape).layout.format.layer_slice_bytes();
  return limits;
}

class TransferConductTest : public testing::CacheTest {
 protected:
  using FetchCall = testing::ScriptedExchange::FetchCall;
  using Offences = std::vector<std::pair<PeerId, Offence>>;
  TransferConductTest() : CacheTest(64, false, kDirectStepBytes, small_pieces(shape())) {}

  std::shared_ptr<TransferState> transfer() { return start_get(decided_match(), kBlocks); }
  FetchCall& fetch(std::size_t i) { return *exchange_->fetches.at(i); }
  const Offences& offences() const { return exchange_->offences; }
  /// Everybody sends what is asked for, the forgers other bytes with leaves of these.
  void serve(const std::shared_ptr<TransferState>& state, const std::set<PeerId>& forgers = {}) {
    run_until([&] {
      for (std::size_t i = 0; i < exchange_->fetches.size(); ++i) {
        if (fetch(i).sink != nullptr) send(fetch(i), forgers.contains(fetch(i).request.peer));
      }
      return state->status().done;
    });
    settle();
  }

 private:
  void send(FetchCall& call, bool forges) {
    const auto forge = [this](ReceivedFrame& frame) {
      frame.payload[0] ^= 1;
      compute_leaves(frame.payload, engine_.format().head_slice_bytes(), frame.leaves);
    };
    for (const std::uint32_t layer : call.request.layers) {
      exchange_->send(call, layer, call.request.first_block, call.request.blocks,
                      forges ? forge : std::function<void(ReceivedFrame&)>());
      settle();
    }
    exchange_->end(call, {});
    settle();
  }
};

TEST_F(TransferConductTest, WhoBringsWhatFitsItsRootHasProvedGood) {
  const PeerId one = add_peer(0, kBlocks);
  const PeerId other = add_peer(0, kBlocks);
  const auto state = transfer();
  serve(state);
  EXPECT_EQ(state->status().good_blocks, kBlocks);
  EXPECT_EQ(exchange_->praised, (std::set{one, other}));
  EXPECT_TRUE(offences().empty());
  EXPECT_GT(index_.belief_in(one), 0.5);
}

TEST_F(TransferConductTest, WhatHasNoRootProvesNothing) {
  exchange_->scripts[add_peer(0, kBlocks)].roots = false;
  const auto state = transfer();
  serve(state);
  EXPECT_EQ(state->status().good_blocks, kBlocks);
  EXPECT_TRUE(exchange_->praised.empty());
}

TEST_F(TransferConductTest, BytesThatDoNotMatchTheirDigestAreAnOffence) {
  const PeerId peer = add_peer(0, kBlocks);
  const auto state = transfer();
  exchange_->send(fetch(0), 0, fetch(0).request.first_block, 1, [](ReceivedFrame& frame) { frame.payload[0] ^= 1; });
  run_until([&] { return !offences().empty(); });
  EXPECT_EQ(offences(), (Offences{{peer, Offence::kWrongBytes}}));
  EXPECT_LT(index_.belief_in(peer), 0.5);
}

TEST_F(TransferConductTest, AForgerAloneIsToBlame) {
  const PeerId peer = add_peer(0, kBlocks);
  const auto state = transfer();
  serve(state, {peer});
  EXPECT_EQ(state->status().good_blocks, 0u);
  EXPECT_EQ(offences(), (Offences{{peer, Offence::kWrongBytes}}));
  EXPECT_TRUE(exchange_->praised.empty());
}

TEST_F(TransferConductTest, AForgerAmongTheHonestIsFoundAndNobodyElseIsBlamed) {
  std::set<PeerId> honest = {add_peer(0, kBlocks), add_peer(0, kBlocks), add_peer(0, kBlocks)};
  const PeerId forger = add_peer(0, kBlocks);
  for (int transfers = 0; offences().empty(); ++transfers) {
    ASSERT_LT(transfers, 8);
    const auto state = transfer();
    serve(state, {forger});
    for (Slot slot = 0; slot < state->status().good_blocks; ++slot) EXPECT_TRUE(engine_.holds(keys_[slot], slot));
  }
  EXPECT_EQ(offences(), (Offences{{forger, Offence::kWrongBytes}}));
}

class RefusalTest : public TransferConductTest {
 protected:
  /// One peer's blocks are looked up; it has changed as `change` says when they are asked for and refused.
  void refuse(const std::function<void(testing::ScriptedExchange::Peer&)>& change, base::Duration later = 0s) {
    peer_ = add_peer(0, kBlocks);
    auto& script = exchange_->scripts[*peer_];
    if (script_) script_(script);
    const MatchId match = decided_match();
    if (later > 0s) advance(later);
    change(script);
    const auto state = start_get(match, kBlocks);
    exchange_->end(fetch(0), ExchangeError::kLeaseUnknown);
    run_until([&] { return state->status().done; });
    settle();
  }
  std::optional<PeerId> peer_;
  std::function<void(testing::ScriptedExchange::Peer&)> script_;
};

TEST_F(RefusalTest, OfWhatIsLeasedIsAnOffence) {
  refuse([](auto&) {});
  EXPECT_EQ(offences(), (Offences{{*peer_, Offence::kRefusedGet}}));
  EXPECT_LT(index_.belief_in(*peer_), 0.5);
}

TEST_F(RefusalTest, OfAPeerThatHasStartedAgainIsNone) {
  refuse([](auto& script) { ++script.epoch; });
  EXPECT_TRUE(offences().empty());
  EXPECT_EQ(index_.belief_in(*peer_), 0.5);
}

TEST_F(RefusalTest, OfALeaseThatIsOverIsNone) {
  exchange_->on_answer = [](const PeerId&, const LookupRequest&, LookupAnswer& answer) { answer.lease_time = 5s; };
  refuse([](auto&) {}, 5s);
  EXPECT_TRUE(offences().empty());
}

TEST_F(RefusalTest, OfMemoryThatAnEngineHasTakenBackIsNoneButIsRemembered) {
  script_ = [](auto& script) { script.tier = Tier::kDevice; };
  refuse([](auto&) {});
  EXPECT_TRUE(offences().empty());
  EXPECT_LT(index_.belief_in(*peer_), 0.5);
}

TEST_F(TransferConductTest, ToBeSlowGoneOrBusyIsNoOffence) {
  for (const auto error : {ExchangeError::kTimeout, ExchangeError::kPeerGone, ExchangeError::kBusy,
                           ExchangeError::kNotConnected, ExchangeError::kClosing, ExchangeError::kRightsChanged}) {
    add_peer(0, kBlocks);
    const auto state = transfer();
    for (std::size_t i = 0; i < exchange_->fetches.size(); ++i) exchange_->end(fetch(i), error);
    run_until([&] { return state->status().done; });
    settle();
    EXPECT_TRUE(offences().empty()) << make_error_code(error).message();
  }
}

}  // namespace
}  // namespace kvp2p
