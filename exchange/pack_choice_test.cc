#include "exchange/pack_choice.h"

#include "exchange/limits.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBytes = 16u << 20;

/// A path and a pair of nodes: what they bring a second.
struct Path {
  double plain;
  double packed;
};

/// How many of `fetches` go packed.
int run(PackChoice& choice, const Path& path, int fetches, std::size_t bytes = kBytes) {
  int packed = 0;
  for (int i = 0; i < fetches; ++i) {
    const bool pack = choice.next(bytes);
    packed += pack ? 1 : 0;
    const double seconds = static_cast<double>(bytes) / (pack ? path.packed : path.plain);
    choice.record(pack, bytes, std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds)));
  }
  return packed;
}

TEST(PackChoice, OnAndOffAreWhatTheySay) {
  PackChoice on(PackMode::kOn), off(PackMode::kOff);
  EXPECT_EQ(run(on, {1e10, 1e6}, 20), 20);
  EXPECT_EQ(run(off, {1e6, 1e10}, 20), 0);
}

TEST(PackChoice, ASlowPathIsPackedAfterTheFirstFetch) {
  PackChoice choice(PackMode::kAuto);
  EXPECT_FALSE(choice.next(kBytes)) << "nothing is known";
  EXPECT_EQ(run(choice, {100e6, 140e6}, 160), 150) << "all but the first and one in sixteen";
}

TEST(PackChoice, AFastPathIsNeverTried) {
  PackChoice choice(PackMode::kAuto);
  EXPECT_EQ(run(choice, {1.1 * kPackBelow, 5e9}, 100), 0);
}

TEST(PackChoice, WhatDoesNotPayIsTriedNowAndThen) {
  PackChoice choice(PackMode::kAuto);
  EXPECT_EQ(run(choice, {500e6, 300e6}, 162), 1 + 10);
}

TEST(PackChoice, APathThatHasBecomeFasterIsFoundToBe) {
  PackChoice choice(PackMode::kAuto);
  run(choice, {50e6, 70e6}, 100);
  EXPECT_GT(run(choice, {50e6, 70e6}, 16), 14);
  run(choice, {900e6, 300e6}, 100);
  EXPECT_LT(run(choice, {900e6, 300e6}, 16), 2);
}

TEST(PackChoice, SmallFetchesTellNothing) {
  PackChoice choice(PackMode::kAuto);
  EXPECT_EQ(run(choice, {1e6, 2e6}, 50, kPackMeasureBytesMin - 1), 0);
  run(choice, {100e6, 140e6}, 4);
  EXPECT_EQ(run(choice, {100e6, 140e6}, 50, kPackMeasureBytesMin - 1), 50) << "no trial among them";
}

}  // namespace
}  // namespace kvp2p
