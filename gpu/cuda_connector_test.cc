#include "gpu/cuda_connector.h"

#include "gpu/error.h"
#include "gpu/testing/cuda_cases.h"
#include "gpu/testing/fake_kvcache.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

class CudaConnectorTest : public ::testing::TestWithParam<testing::CudaCase> {};

TEST_P(CudaConnectorTest, HoldsOnTheFake) { EXPECT_EQ(GetParam().run(0), ""); }

INSTANTIATE_TEST_SUITE_P(Cases, CudaConnectorTest, ::testing::ValuesIn(testing::cuda_cases()),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(CudaConnectorFailureTest, WithoutADriverThereIsNone) {
  testing::fake_devices = 0;
  EXPECT_EQ(make_cuda_connector(0, "test").error(), GpuError::kNoDriver);
  testing::fake_devices = 2;
  EXPECT_EQ(make_cuda_connector(2, "test").error(), GpuError::kNoDriver);
  EXPECT_EQ(make_cuda_connector(-1, "test").error(), GpuError::kNoDriver);
}

TEST(CudaConnectorFailureTest, FailedDeviceFailsEveryCopyAndHangsNobody) {
  auto connector = *make_cuda_connector(0, "test");
  testing::DeviceMemory memory(
      0, testing::nhd({.layers = 4, .heads = 8, .head_dim = 128, .engine_blocks = 64, .element = ElementType::kBf16}),
      1);
  const RegionId region = *connector->register_region(memory.memory(), memory.layout());
  const std::size_t bytes = memory.memory().bytes;
  const auto pinned = *connector->allocate_host(bytes);
  const std::unique_ptr<std::uint8_t[]> pageable(new std::uint8_t[bytes]());
  std::vector<Slot> slots(memory.layout().slots());
  std::iota(slots.begin(), slots.end(), 0u);
  std::vector<testing::Outcome> outcomes;
  for (int i = 0; i < 4; ++i) {
    for (std::uint8_t* host : {pinned.get(), pageable.get()}) {
      outcomes.push_back(testing::start_gather(*connector, region, testing::slices_of(memory.layout(), slots, host)));
      outcomes.push_back(testing::start_scatter(*connector, region, testing::slices_of(memory.layout(), slots, host)));
    }
    if (i == 1) testing::fake_device_failed = true;
  }
  std::size_t failed = 0;
  for (auto& outcome : outcomes) {
    const auto result = outcome.get();
    if (!result) {
      EXPECT_EQ(result.error(), GpuError::kDeviceFailed);
      ++failed;
    }
  }
  EXPECT_GE(failed, 8u) << "all that was asked for after the failure";
  EXPECT_EQ(connector->stream_wait(region, nullptr).error(), GpuError::kDeviceFailed);
  connector->unregister_region(region);
  connector.reset();
  testing::fake_device_failed = false;
}

}  // namespace
}  // namespace kvp2p
