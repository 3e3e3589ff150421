#include "libp2p/protocols/kad/lookup.h"

#include "libp2p/protocols/kad/testing/kad_net.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace libp2p::kad {
namespace {

using namespace std::chrono_literals;
using multiformats::PeerId;
using testing::entry;
using testing::ids;
using testing::peer;

constexpr base::TimePoint kNow{1h};
const PeerId kSelf = peer(100'000);

std::vector<PeerEntry> entries(std::uint32_t begin, std::uint32_t end) {
  std::vector<PeerEntry> result;
  for (std::uint32_t i = begin; i < end; ++i) result.push_back(entry(i));
  return result;
}

std::vector<PeerId> closest_of(const Key& target, const std::vector<PeerEntry>& peers, std::size_t count) {
  std::vector<PeerId> result = ids(peers);
  std::sort(result.begin(), result.end(),
            [&](const PeerId& a, const PeerId& b) { return is_closer(target, key_of(a), key_of(b)); });
  result.resize(std::min(count, result.size()));
  return result;
}

/// Everybody knows everybody.
std::vector<PeerEntry> answer_of(const Key& target, const std::vector<PeerEntry>& all, std::size_t k) {
  std::vector<PeerEntry> result;
  for (const PeerId& id : closest_of(target, all, k)) result.push_back({id, {testing::address_of(1)}});
  return result;
}

TEST(LookupTest, FindsTheClosestOfThoseThatAreNamed) {
  const Key target = key_of(peer(5000));
  for (const std::size_t paths : {1u, 2u, 3u}) {
    const auto all = entries(0, 300);
    Lookup lookup(target, kSelf, {.paths = paths}, entries(0, 10));
    while (!lookup.is_done(kNow)) {
      const auto asked = lookup.next(kNow);
      ASSERT_FALSE(asked.empty());
      for (const PeerEntry& each : asked) lookup.answered(each.id, answer_of(target, all, 20 * paths));
    }
    EXPECT_EQ(ids(lookup.closest()), closest_of(target, all, 20)) << paths;
    EXPECT_LE(lookup.requests(), paths * 30) << paths;
  }
}

TEST(LookupTest, AsksNoMoreThanAlphaAtOnce) {
  Lookup lookup(key_of(peer(5000)), kSelf, {.alpha = 3}, entries(0, 20));
  EXPECT_EQ(lookup.next(kNow).size(), 3u);
  EXPECT_TRUE(lookup.next(kNow).empty());
  lookup.failed(peer(0));
  lookup.failed(peer(1));
  // Of 20 peers the first three that were asked are the closest, so these two may not have been among them.
  EXPECT_LE(lookup.next(kNow).size(), 2u);
}

TEST(LookupTest, NobodyIsAskedTwice) {
  const auto all = entries(0, 60);
  const Key target = key_of(peer(5000));
  Lookup lookup(target, kSelf, {.paths = 2}, entries(0, 20));
  std::set<PeerId> asked;
  while (!lookup.is_done(kNow)) {
    for (const PeerEntry& each : lookup.next(kNow)) {
      EXPECT_TRUE(asked.insert(each.id).second);
      lookup.answered(each.id, answer_of(target, all, 20));
    }
  }
}

TEST(LookupTest, EndsWhereNobodyAnswers) {
  Lookup lookup(key_of(peer(5000)), kSelf, {}, entries(0, 20));
  while (!lookup.is_done(kNow)) {
    const auto asked = lookup.next(kNow);
    ASSERT_FALSE(asked.empty());
    for (const PeerEntry& each : asked) lookup.failed(each.id);
  }
  EXPECT_TRUE(lookup.closest().empty());
  EXPECT_TRUE(Lookup(key_of(peer(1)), kSelf, {}, {}).is_done(kNow));
}

TEST(LookupTest, WeAndNobodyAreNotAsked) {
  Lookup lookup(key_of(peer(5000)), kSelf, {}, {PeerEntry{kSelf, {}}, PeerEntry{}});
  EXPECT_TRUE(lookup.is_done(kNow));
}

TEST(LookupTest, SlowPeersAreNotWaitedForWhereOthersHaveAnswered) {
  Lookup lookup(key_of(peer(5000)), kSelf, {.k = 4, .alpha = 2}, entries(0, 8));
  const auto slow = lookup.next(kNow);
  ASSERT_EQ(slow.size(), 2u);
  EXPECT_EQ(lookup.next_change(kNow), kNow + 2500ms);
  EXPECT_TRUE(lookup.next(kNow + 2s).empty());
  const base::TimePoint later = kNow + 3s;
  while (!lookup.is_done(later)) {
    const auto asked = lookup.next(later);
    ASSERT_FALSE(asked.empty());
    for (const PeerEntry& each : asked) lookup.answered(each.id, {});
  }
  EXPECT_EQ(lookup.closest().size(), 4u);
  // What they say in the end still counts.
  lookup.answered(slow[0].id, {});
  EXPECT_EQ(lookup.closest()[0].id, slow[0].id);
}

TEST(LookupTest, SlowPeersAreWaitedForWhereNobodyElseIs) {
  Lookup lookup(key_of(peer(5000)), kSelf, {}, entries(0, 2));
  lookup.next(kNow);
  EXPECT_FALSE(lookup.is_done(kNow + 5s));
  lookup.answered(peer(0), {});
  EXPECT_FALSE(lookup.is_done(kNow + 5s));
  lookup.failed(peer(1));
  EXPECT_TRUE(lookup.is_done(kNow + 5s));
}

TEST(LookupTest, OneLiarCostsFewRequests) {
  // He names peers that are closer than all, and not there; again in each lookup.
  const Key target = key_of(peer(5000));
  const auto all = entries(0, 100);
  auto fakes = entries(10'000, 13'000);
  const auto closest_fakes = closest_of(target, fakes, 100);
  std::vector<PeerEntry> lie;
  for (const PeerId& id : closest_fakes) lie.push_back({id, {testing::address_of(66)}});
  const std::set<PeerId> is_fake(closest_fakes.begin(), closest_fakes.end());
  Lookup lookup(target, kSelf, {}, entries(0, 10));
  std::size_t fakes_asked = 0;
  while (!lookup.is_done(kNow)) {
    const auto asked = lookup.next(kNow);
    ASSERT_FALSE(asked.empty());
    for (const PeerEntry& each : asked) {
      if (is_fake.contains(each.id)) {
        ++fakes_asked;
        lookup.failed(each.id);
      } else {
        lookup.answered(each.id, each.id == peer(3) ? lie : answer_of(target, all, 20));
      }
    }
  }
  EXPECT_EQ(ids(lookup.closest()), closest_of(target, all, 20));
  EXPECT_LE(fakes_asked, Lookup::kBadNamesMin + 10);
}

TEST(LookupTest, ALiarsPathDoesNotSpoilTheOther) {
  // He names friends that are there, and name each other only.
  const Key target = key_of(peer(5000));
  const auto all = entries(0, 100);
  std::vector<PeerEntry> friends;
  for (std::uint32_t i = 10'000; friends.size() < 40; ++i) {
    if (common_prefix_bits(target, key_of(peer(i))) >= 2) friends.push_back(entry(i));
  }
  const auto is_friend = [&friends](const PeerId& id) {
    return std::any_of(friends.begin(), friends.end(), [&id](const PeerEntry& each) { return each.id == id; });
  };
  Lookup lookup(target, kSelf, {.paths = 2}, {entry(0), entry(1)});
  while (!lookup.is_done(kNow)) {
    for (const PeerEntry& each : lookup.next(kNow)) {
      lookup.answered(each.id, each.id == peer(0) || is_friend(each.id) ? friends : answer_of(target, all, 20));
    }
  }
  const auto closest = ids(lookup.closest());
  const auto true_closest = closest_of(target, all, 5);
  for (const PeerId& each : true_closest) {
    EXPECT_NE(std::find(closest.begin(), closest.end(), each), closest.end());
  }
}

TEST(LookupTest, WrongAddressesOfAnHonestPeerAreMendedByOthers) {
  Lookup lookup(key_of(peer(5)), kSelf, {.alpha = 10}, {entry(1), entry(2)});
  EXPECT_EQ(lookup.next(kNow).size(), 2u);
  const PeerEntry wrong{peer(5), {testing::address_of(66)}};
  lookup.answered(peer(1), {wrong});
  EXPECT_EQ(ids(lookup.next(kNow)), std::vector{peer(5)});
  lookup.failed(peer(5));
  lookup.answered(peer(2), {entry(5)});
  const auto again = lookup.next(kNow);
  ASSERT_EQ(ids(again), std::vector{peer(5)});
  EXPECT_EQ(again[0].addresses.front(), testing::address_of(5));
  lookup.answered(peer(5), {});
  EXPECT_EQ(lookup.closest().front().id, peer(5));
}

TEST(LookupTest, RequestsAndPeersAreBounded) {
  // Everybody names others that nobody has heard of, each time closer ones.
  const Key target = key_of(peer(5000));
  const LookupSettings settings{.requests_max = 50, .peers_max = 100};
  Lookup lookup(target, kSelf, settings, entries(0, 20));
  std::uint32_t next = 1000;
  while (!lookup.is_done(kNow)) {
    const auto asked = lookup.next(kNow);
    ASSERT_FALSE(asked.empty());
    for (const PeerEntry& each : asked) {
      lookup.answered(each.id, entries(next, next + 40));
      next += 40;
    }
  }
  EXPECT_LE(lookup.requests(), 50u);
}

TEST(LookupTest, AnswersThatNobodyAskedForAreNothing) {
  Lookup lookup(key_of(peer(5)), kSelf, {}, {entry(1)});
  lookup.answered(peer(2), {entry(3)});
  lookup.failed(peer(3));
  EXPECT_EQ(ids(lookup.next(kNow)), std::vector{peer(1)});
  lookup.answered(peer(1), {});
  lookup.answered(peer(1), {entry(4)});
  lookup.failed(peer(1));
  EXPECT_TRUE(lookup.is_done(kNow));
  EXPECT_EQ(ids(lookup.closest()), std::vector{peer(1)});
}

}  // namespace
}  // namespace libp2p::kad
