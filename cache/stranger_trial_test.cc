// Peers that a transfer did without are tried with a slice of what it brought.
#include "cache/testing/cache_fixture.h"
#include "exchange/exchange_error.h"

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using multiformats::PeerId;

class StrangerTrialTest : public testing::CacheTest {
 protected:
  using FetchCall = testing::ScriptedExchange::FetchCall;
  using Offences = std::vector<std::pair<PeerId, Offence>>;

  /// One peer that has proved good, and others.
  void SetUp() override {
    good_ = add_peer(0, kBlocks);
    for (int i = 0; i < 4; ++i) index_.tested(good_, 1, 1);
    // Slow by what it says itself: a transfer does without it.
    stranger_ = add_stranger();
  }
  PeerId add_stranger() {
    const PeerId peer = add_peer(0, kBlocks);
    exchange_->scripts[peer].rate = 1000;
    return peer;
  }
  /// A transfer that the good peer alone brings.
  void transfer() {
    const auto state = start_get(decided_match(), kBlocks);
    for (std::size_t i = 0; i < exchange_->fetches.size() && !state->status().done; ++i) {
      if (exchange_->fetches[i]->sink == nullptr) continue;
      EXPECT_EQ(exchange_->fetches[i]->request.peer, good_);
      exchange_->send_all(*exchange_->fetches[i]);
      settle();
    }
    run_until([&] { return state->status().done; });
    settle();
    EXPECT_EQ(state->status().good_blocks, kBlocks);
  }
  /// What a stranger is asked for as a trial; null if it is not.
  FetchCall* trial_of(const PeerId& peer) {
    for (const auto& call : exchange_->fetches) {
      if (call->request.peer == peer && call->sink != nullptr) return call.get();
    }
    return nullptr;
  }
  void send(FetchCall& call, const std::function<void(ReceivedFrame&)>& spoil = {}) {
    exchange_->send(call, call.request.layers.front(), call.request.first_block, 1, spoil);
    exchange_->end(call, {});
    settle();
  }
  const Offences& offences() const { return exchange_->offences; }

  PeerId good_, stranger_;
};

TEST_F(StrangerTrialTest, WhoBringsTheSliceHasProvedGood) {
  transfer();
  FetchCall* call = trial_of(stranger_);
  ASSERT_NE(call, nullptr);
  EXPECT_EQ(call->request.blocks, 1u);
  EXPECT_EQ(call->request.layers.size(), 1u);
  send(*call);
  EXPECT_TRUE(exchange_->praised.contains(stranger_));
  EXPECT_GT(index_.belief_in(stranger_), 0.5);
  EXPECT_TRUE(offences().empty());
  transfer();
  EXPECT_EQ(trial_of(stranger_), nullptr) << "a stranger no more";
}

TEST_F(StrangerTrialTest, WhoBringsOtherBytesIsBlamed) {
  transfer();
  send(*trial_of(stranger_), [](ReceivedFrame& frame) { frame.payload[0] ^= 1; });
  EXPECT_EQ(offences(), (Offences{{stranger_, Offence::kWrongBytes}}));
  EXPECT_FALSE(exchange_->praised.contains(stranger_));
  EXPECT_LT(index_.belief_in(stranger_), 0.5);
}

TEST_F(StrangerTrialTest, LeavesOfItsOwnDoNotHelp) {
  transfer();
  send(*trial_of(stranger_), [this](ReceivedFrame& frame) {
    frame.payload[0] ^= 1;
    compute_leaves(frame.payload, engine_.format().head_slice_bytes(), frame.leaves);
  });
  EXPECT_EQ(offences(), (Offences{{stranger_, Offence::kWrongBytes}}));
}

TEST_F(StrangerTrialTest, WhatWasNotAskedForIsWrong) {
  for (const auto& spoil : std::vector<std::function<void(ReceivedFrame&)>>{
           [](auto& frame) { ++frame.layer; }, [](auto& frame) { ++frame.first_block; },
           [](auto& frame) { frame.blocks = 2; },
           [](auto& frame) { frame.payload = frame.payload.first(frame.payload.size() - 1); },
           [](auto& frame) { frame.payload = {}; }, [](auto& frame) { frame.packed_bytes = 3; }}) {
    exchange_->offences.clear();
    transfer();
    FetchCall* call = trial_of(stranger_);
    ASSERT_NE(call, nullptr);
    send(*call, spoil);
    EXPECT_EQ(offences(), (Offences{{stranger_, Offence::kWrongBytes}}));
  }
}

TEST_F(StrangerTrialTest, ARefusalIsAnOffence) {
  transfer();
  exchange_->end(*trial_of(stranger_), ExchangeError::kBlockGone);
  settle();
  EXPECT_EQ(offences(), (Offences{{stranger_, Offence::kRefusedGet}}));
}

TEST_F(StrangerTrialTest, ToBeSlowGoneOrBusyIsNone) {
  for (const auto error : {ExchangeError::kTimeout, ExchangeError::kPeerGone, ExchangeError::kBusy}) {
    transfer();
    exchange_->end(*trial_of(stranger_), error);
    settle();
    EXPECT_TRUE(offences().empty());
    EXPECT_EQ(index_.belief_in(stranger_), 0.5);
  }
}

TEST_F(StrangerTrialTest, StrangersAreTriedOneAfterTheOther) {
  const PeerId other = add_stranger();
  transfer();
  const bool is_first = trial_of(stranger_) != nullptr;
  const PeerId& first = is_first ? stranger_ : other;
  const PeerId& second = is_first ? other : stranger_;
  ASSERT_NE(trial_of(first), nullptr);
  EXPECT_EQ(trial_of(second), nullptr);
  send(*trial_of(first));
  ASSERT_NE(trial_of(second), nullptr);
  send(*trial_of(second));
  EXPECT_EQ(exchange_->praised, (std::set{good_, first, second}));
}

TEST_F(StrangerTrialTest, WhoHasAnotherComputationIsNotTried) {
  exchange_->scripts[stranger_].other_roots = true;
  transfer();
  EXPECT_EQ(trial_of(stranger_), nullptr);
}

TEST_F(StrangerTrialTest, TheNodeMayStopMeanwhile) {
  transfer();
  FetchCall* call = trial_of(stranger_);
  ASSERT_NE(call, nullptr);
  manager_->stop();
  EXPECT_EQ(call->sink, nullptr);
}

}  // namespace
}  // namespace kvp2p
