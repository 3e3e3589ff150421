#include "cache/transfer_state.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

base::TimePoint in(base::Duration time) { return std::chrono::steady_clock::now() + time; }
base::TimePoint never() { return in(1h); }

TEST(TransferProgressTest, LayerIsReadyWhenAllGoodBlocksAreThere) {
  TransferProgress progress(3, 2);
  progress.deliver(1, 0);
  progress.deliver(1, 2);
  EXPECT_FALSE(progress.layer_ready(1));
  progress.deliver(1, 1);
  EXPECT_TRUE(progress.layer_ready(1));
  EXPECT_FALSE(progress.layer_ready(0));
  EXPECT_EQ(progress.layers_ready(), 1u);
  EXPECT_EQ(progress.complete_blocks(), 0u);
}

TEST(TransferProgressTest, FailureShortensThePrefixInAllLayers) {
  TransferProgress progress(4, 2);
  for (std::size_t block : {0, 1, 3}) progress.deliver(0, block);
  progress.fail_from(2);
  EXPECT_EQ(progress.good(), 2u);
  EXPECT_TRUE(progress.layer_ready(0));
  progress.deliver(0, 2);  // was on its way
  EXPECT_TRUE(progress.layer_ready(0));
  progress.deliver(1, 0);
  EXPECT_EQ(progress.complete_blocks(), 1u);
  EXPECT_FALSE(progress.finished());
  progress.fail_from(1);
  EXPECT_TRUE(progress.finished());
  progress.fail_from(3);
  EXPECT_EQ(progress.good(), 1u);
  progress.fail_from(0);
  EXPECT_FALSE(progress.layer_ready(0));
  EXPECT_TRUE(progress.finished());
}

class TransferStateTest : public ::testing::Test {
 protected:
  std::shared_ptr<TransferState> make(std::size_t blocks, std::uint32_t layers) {
    return std::make_shared<TransferState>(TransferId{7}, RegionId{1}, blocks, layers, completions_,
                                           [this] { ++ended_; });
  }
  static void deliver(TransferState& state, std::uint32_t layer, std::size_t first, std::size_t count) {
    ASSERT_EQ(state.begin_write(first, count), count);
    state.end_write(layer, 1, first, count, true);
  }

  std::shared_ptr<CompletionQueue> completions_ = std::make_shared<CompletionQueue>();
  std::atomic<int> ended_{0};
};

TEST_F(TransferStateTest, CompletesLayerByLayer) {
  auto state = make(2, 2);
  deliver(*state, 0, 0, 2);
  EXPECT_TRUE(state->layer_ready(0));
  EXPECT_FALSE(state->layer_ready(1));
  EXPECT_FALSE(state->status().done);
  deliver(*state, 1, 1, 1);
  deliver(*state, 1, 0, 1);
  EXPECT_TRUE(state->status().done);
  EXPECT_EQ(state->status().good_blocks, 2u);
  EXPECT_EQ(ended_, 1);
  const auto completions = completions_->drain();
  ASSERT_EQ(completions.size(), 3u);
  EXPECT_EQ(completions[0].kind, Completion::Kind::kLayer);
  EXPECT_EQ(completions[1].layer, 1u);
  EXPECT_EQ(completions[2].kind, Completion::Kind::kTransfer);
  EXPECT_TRUE(completions[2].ok);
  EXPECT_EQ(completions[2].id, 7u);
}

TEST_F(TransferStateTest, FailureIsNotVisibleWhileTheFailedBlocksAreWritten) {
  auto state = make(4, 1);
  ASSERT_EQ(state->begin_write(2, 2), 2u);
  state->fail_from(3, "corrupt");
  EXPECT_EQ(state->status().good_blocks, 4u) << "block 3 is still being written";
  EXPECT_EQ(state->begin_write(3, 1), 0u);
  EXPECT_EQ(state->begin_write(1, 3), 2u) << "only what is good may be written";
  state->end_write(0, 1, 2, 2, true);
  EXPECT_EQ(state->status().good_blocks, 3u);
  EXPECT_EQ(state->status().reason, "corrupt");
  EXPECT_EQ(state->failed_blocks(), std::vector<std::size_t>{3});
}

TEST_F(TransferStateTest, WritesOfGoodBlocksDoNotHoldUpAFailure) {
  auto state = make(4, 1);
  ASSERT_EQ(state->begin_write(0, 1), 1u);
  state->fail_from(2, "gone");
  EXPECT_EQ(state->status().good_blocks, 2u);
  state->end_write(0, 1, 0, 1, true);
}

TEST_F(TransferStateTest, FailedCopyFailsItsBlocks) {
  auto state = make(2, 1);
  ASSERT_EQ(state->begin_write(1, 1), 1u);
  state->end_write(0, 1, 1, 1, false);
  EXPECT_EQ(state->status().good_blocks, 1u);
  deliver(*state, 0, 0, 1);
  EXPECT_TRUE(state->status().done);
  EXPECT_FALSE(completions_->drain().back().ok);
}

TEST_F(TransferStateTest, NothingGoodLeftEndsIt) {
  auto state = make(2, 1);
  state->fail_from(0, "gone");
  EXPECT_TRUE(state->status().done);
  EXPECT_FALSE(state->layer_ready(0));
  EXPECT_EQ(ended_, 1);
}

TEST_F(TransferStateTest, FinishKeepsWhatIsCompleteInAllLayers) {
  auto state = make(3, 2);
  deliver(*state, 0, 0, 3);
  deliver(*state, 1, 0, 1);
  state->finish("deadline passed");
  EXPECT_TRUE(state->status().done);
  EXPECT_EQ(state->status().good_blocks, 1u);
  EXPECT_EQ(state->begin_write(0, 1), 0u);
  EXPECT_EQ(state->status().reason, "deadline passed");
}

TEST_F(TransferStateTest, FinishWaitsForWritesUnderWay) {
  auto state = make(2, 1);
  ASSERT_EQ(state->begin_write(0, 1), 1u);
  state->finish("stop");
  EXPECT_FALSE(state->status().done);
  EXPECT_EQ(ended_, 0);
  state->end_write(0, 1, 0, 1, true);
  EXPECT_TRUE(state->status().done);
  EXPECT_EQ(state->status().good_blocks, 1u) << "it was delivered after all";
}

TEST_F(TransferStateTest, CancelReturnsOnlyWhenNothingIsBeingWritten) {
  auto state = make(8, 1);
  ASSERT_EQ(state->begin_write(0, 8), 8u);
  std::atomic<bool> returned{false};
  std::thread engine([&] {
    state->cancel("cancelled");
    returned = true;
  });
  while (!state->ended()) std::this_thread::yield();
  EXPECT_FALSE(returned);
  state->end_write(0, 1, 0, 8, true);
  engine.join();
  EXPECT_TRUE(returned);
  EXPECT_EQ(ended_, 1);
  state->cancel("again");
  EXPECT_EQ(ended_, 1);
}

TEST_F(TransferStateTest, WaitAtTheDeadlineCancels) {
  auto state = make(2, 2);
  deliver(*state, 0, 0, 2);
  EXPECT_EQ(state->wait_layer(0, in(0s)).good_blocks, 2u);
  EXPECT_FALSE(state->status().done);
  const auto status = state->wait_layer(1, in(1ms));
  EXPECT_TRUE(status.done);
  EXPECT_EQ(status.good_blocks, 0u);
  EXPECT_NE(status.reason.find("deadline"), std::string::npos);
}

TEST_F(TransferStateTest, DeliverersAndWaitersRunTogether) {
  constexpr std::size_t kBlocks = 16;
  constexpr std::uint32_t kLayers = 8;
  for (int round = 0; round < 50; ++round) {
    auto state = make(kBlocks, kLayers);
    std::vector<std::thread> threads;
    for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
      threads.emplace_back([&, layer] {
        for (std::size_t block = 0; block < kBlocks; block += 4) {
          const std::size_t count = state->begin_write(block, 4);
          if (count > 0) state->end_write(layer, 1, block, count, true);
        }
      });
    }
    threads.emplace_back([&] { state->fail_from(5 + round % 8, "corrupt"); });
    threads.emplace_back([&] {
      for (std::uint32_t layer = 0; layer < kLayers; ++layer) state->wait_layer(layer, never());
    });
    for (auto& thread : threads) thread.join();
    EXPECT_TRUE(state->status().done);
    // The failure came in time, or all had been delivered and verified before.
    const std::size_t good = state->status().good_blocks;
    EXPECT_TRUE(good == 5u + round % 8 || good == kBlocks) << good;
  }
  EXPECT_EQ(ended_, 50);
}

}  // namespace
}  // namespace kvp2p
