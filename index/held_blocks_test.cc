#include "index/held_blocks.h"

#include "index/largest_first.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>
#include <set>

namespace kvp2p {
namespace {

class HeldBlocksTest : public ::testing::Test {
 protected:
  std::set<KeyPrefix> all() const {
    std::set<KeyPrefix> found;
    blocks_.for_each([&](KeyPrefix prefix) { EXPECT_TRUE(found.insert(prefix).second); });
    return found;
  }

  PagePool pool_;
  const PrefixHash hash_;
  HeldBlocks blocks_{pool_, hash_};
};

// Against a plain list, over random operations that force growth, splits, reuse of entries and drops. Prefixes are
// neighbouring numbers, which only the secret keeps apart.
TEST_F(HeldBlocksTest, AgreesWithAPlainList) {
  std::mt19937 random(1);
  std::list<KeyPrefix> order;
  std::unordered_map<KeyPrefix, std::list<KeyPrefix>::iterator> places;
  for (int step = 0; step < 200'000; ++step) {
    const KeyPrefix prefix = random() % 60'000;
    const auto known = places.find(prefix);
    const auto what = random() % 100;
    if (what < 70) {
      ASSERT_EQ(blocks_.insert(prefix), known == places.end());
      if (known != places.end()) order.erase(known->second);
      places[prefix] = order.insert(order.end(), prefix);
    } else if (what < 95) {
      ASSERT_EQ(blocks_.erase(prefix), known != places.end());
      if (known == places.end()) continue;
      order.erase(known->second);
      places.erase(known);
    } else if (!order.empty()) {
      blocks_.drop_oldest();
      places.erase(order.front());
      order.pop_front();
    }
    ASSERT_EQ(blocks_.size(), order.size());
  }
  EXPECT_GT(order.size(), 16'384u) << "sums are kept by then";
  EXPECT_EQ(all(), std::set<KeyPrefix>(order.begin(), order.end()));
  std::size_t hits = 0;
  const HeldBlocks::View view = blocks_.view();
  for (KeyPrefix prefix = 0; prefix < 60'000; ++prefix) {
    ASSERT_EQ(blocks_.contains(prefix), places.contains(prefix));
    hits += view.hit(view.aim(hash_(prefix)));
  }
  EXPECT_GE(hits, order.size());
  EXPECT_LE(hits, order.size() + 1) << "40 bits of the hash";
  while (!order.empty()) {
    ASSERT_TRUE(blocks_.contains(order.front()));
    blocks_.drop_oldest();
    ASSERT_FALSE(blocks_.contains(order.front()));
    order.pop_front();
  }
  EXPECT_EQ(blocks_.sum(), 0u);
}

TEST_F(HeldBlocksTest, SumsAreThoseOfThePrefixesThere) {
  std::mt19937_64 random(2);
  std::vector<KeyPrefix> prefixes;
  for (int i = 0; i < 40'000; ++i) prefixes.push_back(random());
  for (std::size_t count : {std::size_t{100}, prefixes.size()}) {
    for (std::size_t i = 0; i < count; ++i) blocks_.insert(prefixes[i]);
    for (std::size_t i = 0; i < count; i += 3) blocks_.erase(prefixes[i]);
    for (unsigned bits : {0u, 1u, 5u, 12u}) {
      std::vector<std::uint64_t> expected(std::size_t{1} << bits);
      for (KeyPrefix prefix : all()) expected[bits == 0 ? 0 : prefix >> (64 - bits)] += summand_of(prefix);
      EXPECT_EQ(blocks_.sums(bits), expected) << count << " " << bits;
    }
    EXPECT_EQ(blocks_.sum(), blocks_.sums(0)[0]);
  }
}

TEST_F(HeldBlocksTest, TakesLittleMemory) {
  EXPECT_LT(blocks_.bytes_beside_pool(), 1000u) << "nothing held";
  EXPECT_EQ(pool_.bytes(), 0u);
  std::mt19937_64 random(3);
  constexpr std::size_t kBlocks = 500'000;
  for (std::size_t i = 0; i < kBlocks; ++i) blocks_.insert(random());
  EXPECT_LT((blocks_.bytes_beside_pool() + pool_.bytes()) / kBlocks, 50u);
}

TEST_F(HeldBlocksTest, PagesAreUsedAgain) {
  std::mt19937_64 random(4);
  std::size_t before = 0;
  for (int round = 0; round < 3; ++round) {
    HeldBlocks other(pool_, hash_);
    for (int i = 0; i < 100'000; ++i) other.insert(random());
    if (round == 0) before = pool_.bytes();
  }
  // How often tables split depends on the prefixes.
  EXPECT_LT(pool_.bytes(), before + before / 2);
}

TEST(LargestFirst, AgreesWithALinearSearch) {
  std::mt19937 random(5);
  LargestFirst heap;
  std::vector<int> sizes(50, -1);
  for (int step = 0; step < 20'000; ++step) {
    const auto number = static_cast<LargestFirst::Number>(random() % sizes.size());
    if (sizes[number] < 0) {
      heap.add(number);
      sizes[number] = 0;
    } else if (random() % 20 == 0) {
      heap.remove(number);
      sizes[number] = -1;
    } else {
      sizes[number] = static_cast<int>(random() % 40);
      heap.change(number, static_cast<std::size_t>(sizes[number]));
    }
    const int largest = *std::max_element(sizes.begin(), sizes.end());
    ASSERT_EQ(heap.empty(), largest < 0);
    if (!heap.empty()) {
      ASSERT_EQ(sizes[heap.largest()], largest);
    }
  }
}

}  // namespace
}  // namespace kvp2p
