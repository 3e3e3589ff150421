#include "gpu/connector_factory.h"

#include "gpu/error.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

const GpusFound kNone{0, "there is no driver", std::nullopt};
const GpusFound kTwo{2, "", std::nullopt};

TEST(ConnectorFactory, AutoTakesTheFirstGpu) {
  const auto chosen = choose_device({}, kTwo);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->cuda, 0);
  EXPECT_EQ(chosen->why, "the first GPU that is visible");
}

TEST(ConnectorFactory, AutoTakesHostMemoryWithoutAGpuAndSaysWhy) {
  for (const DeviceChoice& choice : {DeviceChoice{"auto", std::nullopt}, DeviceChoice{"auto", 1}}) {
    const auto chosen = choose_device(choice, kNone);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->cuda, std::nullopt);
    EXPECT_EQ(chosen->why, "there is no driver");
  }
}

TEST(ConnectorFactory, HostIsHostWhateverThereIs) {
  const auto chosen = choose_device({"host", 1}, kTwo);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->cuda, std::nullopt);
  EXPECT_EQ(chosen->why, "asked for by --device=host");
}

TEST(ConnectorFactory, AGpuIsTakenByTheNumberThatTheMachineGivesIt) {
  const auto chosen = choose_device({"cuda", 5}, {2, "", "3,5"});
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->cuda, 1);
  EXPECT_EQ(chosen->why, "asked for by --gpu=5");
}

TEST(ConnectorFactory, WhatCannotBeHadIsRefusedAndNotReplaced) {
  EXPECT_EQ(choose_device({"cuda", std::nullopt}, kNone).error(), GpuError::kNoDriver);
  EXPECT_EQ(choose_device({"cuda", 2}, kTwo).error(), GpuError::kNoSuchGpu);
  EXPECT_EQ(choose_device({"auto", 2}, kTwo).error(), GpuError::kNoSuchGpu);
  EXPECT_EQ(choose_device({"tpu", std::nullopt}, kTwo).error(), GpuError::kUnknownDevice);
}

TEST(ConnectorFactory, TheConnectorSaysWhatItIsAndWhy) {
  const auto connector = make_connector(DeviceChoice{"host", std::nullopt});
  ASSERT_TRUE(connector);
  EXPECT_NE((*connector)->description().find("host memory"), std::string::npos);
  EXPECT_NE((*connector)->description().find("asked for by --device=host"), std::string::npos);
}

TEST(ConnectorFactory, LookingForGpusNeedsNone) {
  const GpusFound found = find_gpus();
  EXPECT_EQ(found.count == 0, !found.why_none.empty()) << found.count << " " << found.why_none;
}

}  // namespace
}  // namespace kvp2p
