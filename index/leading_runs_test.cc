#include "index/leading_runs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace kvp2p {
namespace {

class LeadingRunsTest : public ::testing::Test {
 protected:
  /// The first `run` blocks, and each later one with a chance of one in `later`.
  void add_holder(std::size_t run, unsigned later = 0) {
    auto& blocks = *holders_.emplace_back(std::make_unique<HeldBlocks>(pool_, hash_));
    for (std::size_t i = 0; i < kBlocks; ++i) {
      if (i < run || (i > run && later > 0 && random_() % later == 0)) blocks.insert(prefix(i));
    }
    for (std::size_t i = 0; i < 100; ++i) blocks.insert(random_());
    candidates_.push_back({blocks.view(), static_cast<std::uint32_t>(candidates_.size())});
    runs_.push_back(run);
  }
  static KeyPrefix prefix(std::size_t block) { return 0x100 + block; }

  std::vector<std::pair<std::uint32_t, std::size_t>> expected(std::size_t runs_max) const {
    std::vector<std::pair<std::uint32_t, std::size_t>> all;
    for (std::uint32_t i = 0; i < runs_.size(); ++i) {
      if (runs_[i] > 0) all.emplace_back(i, runs_[i]);
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    all.resize(std::min(all.size(), runs_max));
    return all;
  }
  std::vector<std::pair<std::uint32_t, std::size_t>> found(std::size_t runs_max) const {
    std::vector<std::uint64_t> hashes;
    for (std::size_t i = 0; i < kBlocks; ++i) hashes.push_back(hash_(prefix(i)));
    std::vector<std::pair<std::uint32_t, std::size_t>> all;
    for (const auto& run : longest_leading_runs(candidates_, hashes, runs_max))
      all.emplace_back(run.number, run.blocks);
    return all;
  }

  static constexpr std::size_t kBlocks = 300;
  std::mt19937_64 random_{1};
  PagePool pool_;
  const PrefixHash hash_;
  std::vector<std::unique_ptr<HeldBlocks>> holders_;
  std::vector<RunCandidate> candidates_;
  std::vector<std::size_t> runs_;
};

TEST_F(LeadingRunsTest, OfAllLengths) {
  for (std::size_t run : {0, 1, 2, 31, 32, 33, 299, 300, 64}) add_holder(run);
  for (std::size_t runs_max : {0u, 1u, 3u, 8u, 100u}) EXPECT_EQ(found(runs_max), expected(runs_max)) << runs_max;
}

TEST_F(LeadingRunsTest, AHolderWithAGapIsTakenForWhatItHoldsBeforeIt) {
  for (int i = 0; i < 35; ++i) add_holder(random_() % kBlocks, 1 + random_() % 3);
  for (std::size_t runs_max : {1u, 4u, 34u, 35u}) EXPECT_EQ(found(runs_max), expected(runs_max)) << runs_max;
}

TEST_F(LeadingRunsTest, OfManyWithTheSameBeginningTheLongestAreFound) {
  for (int i = 0; i < 200; ++i) add_holder(40);
  add_holder(41);
  for (int i = 0; i < 50; ++i) add_holder(0, 2);
  add_holder(300);
  EXPECT_EQ(found(4), expected(4));
}

// So many that claim more than they hold that not all are followed: still what is found is held.
TEST_F(LeadingRunsTest, FalseClaimsDoNotLengthenRuns) {
  for (int i = 0; i < 300; ++i) add_holder(3 + static_cast<std::size_t>(i) % 7, 1);
  add_holder(300);
  const auto runs = found(2);
  ASSERT_EQ(runs.size(), 2u);
  for (const auto& [number, blocks] : runs) EXPECT_EQ(blocks, runs_[number]);
}

TEST_F(LeadingRunsTest, NothingIsFoundOfNothing) {
  EXPECT_TRUE(found(8).empty());
  add_holder(0);
  EXPECT_TRUE(found(8).empty());
  EXPECT_TRUE(longest_leading_runs(candidates_, {}, 8).empty());
}

}  // namespace
}  // namespace kvp2p
