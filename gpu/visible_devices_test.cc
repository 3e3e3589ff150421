#include "gpu/visible_devices.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using Visible = std::optional<std::string_view>;

constexpr Visible kUnset;
constexpr std::optional<int> kAny;

/// The ordinal, -1 for none. REQUIRES of the function, checked: a reason where there is none.
int ordinal_of(Visible visible, std::optional<int> gpu, int devices) {
  const VisibleDevice found = find_visible_device(visible, gpu, devices);
  EXPECT_TRUE(found.ordinal || !found.note.empty());
  return found.ordinal.value_or(-1);
}

std::string note_of(Visible visible, std::optional<int> gpu, int devices) {
  return find_visible_device(visible, gpu, devices).note;
}

TEST(VisibleDevices, WithoutTheVariableTheNumberIsTheOrdinal) {
  EXPECT_EQ(ordinal_of(kUnset, 0, 1), 0);
  EXPECT_EQ(ordinal_of(kUnset, 7, 8), 7);
  EXPECT_EQ(ordinal_of(kUnset, kAny, 8), 0);
  EXPECT_EQ(note_of(kUnset, 7, 8), "");
}

TEST(VisibleDevices, TheSeedsCommandsMeanTheGpuThatTheyName) {
  EXPECT_EQ(ordinal_of("0", 0, 1), 0);
  EXPECT_EQ(ordinal_of("1", 1, 1), 0);
  EXPECT_EQ(note_of("1", 1, 1), "");
}

TEST(VisibleDevices, AListRenumbers) {
  EXPECT_EQ(ordinal_of("3,1,2", 1, 3), 1);
  EXPECT_EQ(ordinal_of("3,1,2", 2, 3), 2);
  EXPECT_EQ(ordinal_of("3,1,2", 3, 3), 0);
  EXPECT_EQ(ordinal_of("3,1,2", kAny, 3), 0);
  EXPECT_EQ(ordinal_of(" 3 ,\t5 ", 5, 2), 1);
}

TEST(VisibleDevices, ANumberOutsideTheListIsAPlaceInItAndIsSaid) {
  EXPECT_EQ(ordinal_of("3", 0, 1), 0);
  EXPECT_EQ(ordinal_of("3,1,2", 0, 3), 0);
  EXPECT_EQ(note_of("3", 0, 1),
            "--gpu=0 is not in CUDA_VISIBLE_DEVICES=3: taken as the place in that list, counted from 0");
}

TEST(VisibleDevices, UuidsCountByTheirPlaceOnly) {
  EXPECT_EQ(ordinal_of("GPU-0aa4b31c-97c6-6a0f-0db2-84f4fd7ea3b5,MIG-92db0bd1", 1, 2), 1);
  EXPECT_EQ(ordinal_of("GPU-0aa4b31c,4", 4, 2), 1);
  EXPECT_EQ(ordinal_of("GPU-0aa4b31c,4", 0, 2), 0);
  EXPECT_EQ(ordinal_of("GPU-0aa4b31c,4", kAny, 2), 0);
  EXPECT_EQ(ordinal_of("GPU-0aa4b31c,4", 2, 2), -1);
}

TEST(VisibleDevices, TheListEndsAtItsFirstInvalidEntry) {
  // CUDA shows one device of each of these lists.
  EXPECT_EQ(ordinal_of("2,-1,1", 1, 1), -1);
  EXPECT_EQ(ordinal_of("2,x,1", 1, 1), -1);
  EXPECT_EQ(ordinal_of("2,,1", 1, 1), -1);
  EXPECT_EQ(ordinal_of("2,1x", 1, 1), -1);
  EXPECT_EQ(ordinal_of("2,99,1", 1, 1), -1);
  EXPECT_EQ(ordinal_of("2,-1,1", 2, 1), 0);
}

TEST(VisibleDevices, WhatIsNotThereIsAnErrorThatSaysWhatIs) {
  EXPECT_EQ(ordinal_of(kUnset, 2, 2), -1);
  EXPECT_EQ(ordinal_of(kUnset, -1, 2), -1);
  EXPECT_EQ(ordinal_of("1", -1, 1), -1);
  EXPECT_EQ(ordinal_of("0,1", 5, 2), -1);
  EXPECT_EQ(ordinal_of(kUnset, kAny, 0), -1);
  EXPECT_EQ(ordinal_of("", 0, 0), -1);
  EXPECT_EQ(ordinal_of("0", 0, -1), -1);
  EXPECT_EQ(note_of(kUnset, 2, 2), "--gpu=2: this machine has 2 GPUs, counted from 0");
  EXPECT_EQ(note_of("0,1", 5, 2),
            "--gpu=5 is neither in CUDA_VISIBLE_DEVICES=0,1 nor a place in that list, which shows 2 GPUs");
  EXPECT_EQ(note_of("", kAny, 0), "no GPU is visible with CUDA_VISIBLE_DEVICES=");
}

}  // namespace
}  // namespace kvp2p
