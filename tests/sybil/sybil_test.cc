// Two hundred hostile peers around a node that has honest ones, too: no wrong block is ever taken for a good one, and
// the hostile are found out and dropped.
#include "tests/sybil/customer.h"

#include <gtest/gtest.h>

namespace kvp2p::sybil {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kHonest = 6;
constexpr std::size_t kPrompts = 160;
constexpr std::size_t kBlocks = 16;

class SybilTest : public ::testing::Test {
 protected:
  SybilTest() {
    customer_.make_wares(kPrompts, kBlocks, kBlocks);
    add(Character::kHonest, kHonest);
    EXPECT_TRUE(customer_.wait_for_peers(kHonest, 30s));
  }
  Swarm& add(Character character, std::size_t count) {
    swarms_.push_back(
        std::make_unique<Swarm>(customer_.wares(), customer_.peers(character, count), customer_.address()));
    return *swarms_.back();
  }
  static void wait_until_come(const Swarm& swarm, std::size_t count) {
    for (int i = 0; i < 600 && swarm.came() < count; ++i) std::this_thread::sleep_for(50ms);
    EXPECT_EQ(swarm.came(), count);
  }
  std::uint64_t banned() { return customer_.counters()["peers_banned"]; }

  Customer customer_;
  std::vector<std::unique_ptr<Swarm>> swarms_;
};

TEST_F(SybilTest, TwoHundredOfAllKindsNeverPassAWrongBlockOff) {
  const auto before = customer_.shop(0, 20);
  EXPECT_EQ(before.blocks_arrived, before.blocks_wanted);
  constexpr std::size_t kEach = 40;
  for (Character character :
       {Character::kLiar, Character::kRefuser, Character::kJunker, Character::kForger, Character::kFlooder}) {
    wait_until_come(add(character, kEach), kEach);
  }
  const auto attacked = customer_.shop(20, kPrompts);
  EXPECT_EQ(attacked.blocks_wrong, 0u);
  // Who has proved good goes before whoever has not.
  EXPECT_GE(attacked.blocks_arrived, attacked.blocks_wanted * 95 / 100);
  std::printf("%zu of %zu blocks; %llu peers banned\n", attacked.blocks_arrived, attacked.blocks_wanted,
              static_cast<unsigned long long>(banned()));
  // All flooders, however good the others are at not being asked.
  EXPECT_GE(banned(), kEach);
}

/// Nobody has proved anything yet when they come: they are asked, and found out.
class StrangersTest : public SybilTest, public ::testing::WithParamInterface<Character> {};

TEST_P(StrangersTest, AreFoundOutAndDropped) {
  constexpr std::size_t kHostile = 20;
  Swarm& hostile = add(GetParam(), kHostile);
  wait_until_come(hostile, kHostile);
  ASSERT_TRUE(customer_.wait_for_peers(kHonest + kHostile, 30s));
  const auto shopping = customer_.shop(0, kPrompts);
  EXPECT_EQ(shopping.blocks_wrong, 0u);
  EXPECT_GE(shopping.blocks_arrived, shopping.blocks_wanted / 2);
  const std::uint64_t dropped = banned();
  std::printf("%zu of %zu blocks; %llu of %zu hostile peers banned\n", shopping.blocks_arrived, shopping.blocks_wanted,
              static_cast<unsigned long long>(dropped), kHostile);
  EXPECT_GE(dropped, 1u);
  EXPECT_LE(dropped, kHostile) << "no honest one is";
  EXPECT_GE(hostile.cut_off(), dropped);
  const auto after = customer_.shop(0, 1);
  EXPECT_EQ(after.blocks_arrived, after.blocks_wanted);
}

INSTANTIATE_TEST_SUITE_P(Of, StrangersTest,
                         ::testing::Values(Character::kRefuser, Character::kJunker, Character::kForger,
                                           Character::kFlooder),
                         [](const auto& info) {
                           switch (info.param) {
                             case Character::kRefuser:
                               return "Refusers";
                             case Character::kJunker:
                               return "Junkers";
                             case Character::kForger:
                               return "Forgers";
                             default:
                               return "Flooders";
                           }
                         });

}  // namespace
}  // namespace kvp2p::sybil
