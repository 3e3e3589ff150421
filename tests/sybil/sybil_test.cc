// Hostile peers around a node that has honest ones, too: no wrong block is ever taken for a good one, the hostile are
// found out and dropped, and the honest never are.
#include "tests/sybil/customer.h"

#include <gtest/gtest.h>

namespace kvp2p::sybil {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kHonest = 6;
constexpr std::size_t kPrompts = 40;
constexpr std::size_t kBlocks = 16;
constexpr std::size_t kHonestBlocks = 12;
constexpr base::Duration kPatience = 60s;
constexpr std::array kHostile{Character::kLiar, Character::kRefuser, Character::kJunker, Character::kForger,
                              Character::kFlooder};

class SybilTest : public ::testing::Test {
 protected:
  explicit SybilTest(std::size_t honest_named = 0)
      : customer_(honest_named), wares_(customer_.make_wares({kPrompts, kBlocks, kHonestBlocks})) {
    honest_ = add(Character::kHonest, kHonest);
  }
  std::unique_ptr<Swarm> add(Character character, std::size_t count) {
    auto swarm = std::make_unique<Swarm>(wares_, customer_.peers(character, count), customer_.address());
    EXPECT_TRUE(wait([&] { return swarm->came() == count; })) << swarm->came() << " " << name_of(character);
    return swarm;
  }
  static bool wait(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!condition() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(20ms);
    return condition();
  }
  /// All prompts, again and again, until the condition holds.
  bool shop_until(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!condition() && std::chrono::steady_clock::now() < until) {
      for (std::size_t prompt = 0; prompt < kPrompts && !condition(); ++prompt) {
        all_.add(customer_.shop(wares_, prompt, prompt + 1));
        std::this_thread::sleep_for(20ms);
      }
    }
    return condition();
  }
  void expect_honest_unharmed() {
    EXPECT_EQ(all_.blocks_wrong, 0u);
    EXPECT_EQ(honest_->cut_off(), 0u);
    EXPECT_EQ(honest_->inside(), kHonest);
    const auto after = customer_.shop(wares_, 0, kPrompts);
    EXPECT_EQ(after.blocks_wrong, 0u);
    EXPECT_GE(after.blocks_arrived, after.blocks_wanted * 9 / 10);
  }

  Customer customer_;
  const Wares wares_;
  std::unique_ptr<Swarm> honest_;
  Shopping all_;
};

TEST_F(SybilTest, TwoHundredOfAllKindsNeverPassAWrongBlockOff) {
  const auto before = customer_.shop(wares_, 0, kPrompts);
  EXPECT_EQ(before.blocks_arrived, before.blocks_wanted);
  std::vector<std::unique_ptr<Swarm>> hostile;
  for (const auto character : kHostile) hostile.push_back(add(character, character == Character::kFlooder ? 8 : 48));
  all_.add(customer_.shop(wares_, 0, kPrompts));
  EXPECT_TRUE(shop_until([&] { return hostile.back()->inside() == 0; })) << "flooders harm unasked";
  for (const auto& swarm : hostile) {
    std::printf("%zu of %zu %s left\n", swarm->inside(), swarm->came(), name_of(swarm->character()));
  }
  expect_honest_unharmed();
}

/// Nobody has proved anything yet when they come: they are asked, and found out.
TEST_F(SybilTest, StrangersOfEachKindAreFoundOutAndDropped) {
  constexpr std::size_t kEach = 8;
  std::vector<std::unique_ptr<Swarm>> hostile;
  for (const auto character : kHostile) hostile.push_back(add(character, kEach));
  const auto inside = [&] {
    std::size_t all = 0;
    for (const auto& swarm : hostile) all += swarm->inside();
    return all;
  };
  EXPECT_TRUE(shop_until([&] { return inside() == 0; })) << inside() << " are left";
  EXPECT_EQ(customer_.counter("peers_banned"), hostile.size() * kEach) << "no honest one is";
  // They come back and are refused.
  for (const auto& swarm : hostile) {
    EXPECT_GE(swarm->cut_off(), kEach) << name_of(swarm->character());
    EXPECT_TRUE(wait([&, before = swarm->cut_off()] { return swarm->cut_off() > before; }));
  }
  EXPECT_EQ(inside(), 0u);
  expect_honest_unharmed();
}

TEST_F(SybilTest, HonestPeersThatStartAgainAreNotBanned) {
  const auto start_again = [&] {
    honest_.reset();
    honest_ = add(Character::kHonest, kHonest);
  };
  constexpr std::size_t kRestarts = 8;
  all_.add(customer_.shop(wares_, 0, kRestarts, start_again));
  EXPECT_EQ(customer_.counter("peers_banned"), 0u);
  expect_honest_unharmed();
}

/// Digests cannot tell bytes of a peer's own making, with a root of their own; who may announce is told by name.
class NamedTest : public SybilTest {
 protected:
  NamedTest() : SybilTest(kHonest) {}
};

TEST_F(NamedTest, WhoMayNotAnnounceIsNotAskedWhateverItSaysThatItHas) {
  const auto fabricators = add(Character::kFabricator, 20);
  all_.add(customer_.shop(wares_, 0, kPrompts));
  EXPECT_EQ(all_.blocks_arrived, all_.blocks_wanted);
  EXPECT_EQ(fabricators->reads(), 0u);
  expect_honest_unharmed();
}

}  // namespace
}  // namespace kvp2p::sybil
