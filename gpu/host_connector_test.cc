#include "gpu/host_connector.h"

#include "gpu/error.h"
#include "gpu/testing/layouts.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace kvp2p {
namespace {

using testing::Shape;

class HostConnectorTest : public ::testing::Test {
 protected:
  base::Result<> gather(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready = {}) {
    return start(&GpuConnector::gather, region, std::move(slices), ready).get();
  }
  std::future<base::Result<>> start(void (GpuConnector::*copy)(RegionId, std::vector<SliceCopy>, ReadyEvent, CopyDone),
                                    RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready = {}) {
    auto promise = std::make_shared<std::promise<base::Result<>>>();
    auto future = promise->get_future();
    (connector_.*copy)(region, std::move(slices), ready,
                       [promise](base::Result<> outcome) { promise->set_value(outcome); });
    return future;
  }

  HostConnector connector_{"test", 2};
};

std::vector<std::uint8_t> counted_bytes(std::size_t bytes) {
  std::vector<std::uint8_t> filled(bytes);
  std::mt19937 random(5);
  for (auto& b : filled) b = static_cast<std::uint8_t>(random());
  return filled;
}

TEST_F(HostConnectorTest, SaysThatItIsARealBackend) {
  EXPECT_NE(connector_.description().find("no GPU"), std::string::npos);
  EXPECT_NE(connector_.description().find("test"), std::string::npos);
}

TEST_F(HostConnectorTest, GatherFromOneLayoutAndScatterIntoAnother) {
  const Shape shape;
  const auto from = testing::nhd(shape);
  for (const auto& to :
       {testing::hnd(shape), testing::packed(shape), testing::wire_order(shape), testing::nhd(shape)}) {
    auto source = counted_bytes(from.region_bytes);
    std::vector<std::uint8_t> target(to.region_bytes, 0xA5);
    const RegionId a = *connector_.register_region({source.data(), source.size()}, from.layout);
    const RegionId b = *connector_.register_region({target.data(), target.size()}, to.layout);
    const ObjectFormat& format = from.layout.format;
    const std::vector<Slot> source_slots = {3, 0, 1}, target_slots = {0, 1, 3};
    auto staging = *connector_.allocate_host(3 * format.block_bytes());
    std::vector<SliceCopy> gathers, scatters;
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::uint32_t layer = 0; layer < 2; ++layer) {
        std::uint8_t* host = staging.get() + i * format.block_bytes() + layer * format.layer_slice_bytes();
        gathers.push_back({source_slots[i], layer, host});
        scatters.push_back({target_slots[i], layer, host});
      }
    }
    ASSERT_TRUE(gather(a, gathers));
    ASSERT_TRUE(start(&GpuConnector::scatter, b, scatters).get());
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::uint32_t layer = 0; layer < 2; ++layer) {
        EXPECT_EQ(testing::naive_gather(from.layout, source.data(), layer, source_slots[i]),
                  testing::naive_gather(to.layout, target.data(), layer, target_slots[i]))
            << to.name;
      }
    }
    for (const auto byte : testing::naive_gather(to.layout, target.data(), 0, 2)) ASSERT_EQ(byte, 0xA5);
    connector_.unregister_region(a);
    connector_.unregister_region(b);
  }
}

TEST_F(HostConnectorTest, BadArgumentsFailWithoutTouchingMemory) {
  const auto named = testing::nhd({});
  auto memory = counted_bytes(named.region_bytes);
  const auto before = memory;
  const RegionId region = *connector_.register_region({memory.data(), memory.size()}, named.layout);
  std::vector<std::uint8_t> host(named.layout.format.layer_slice_bytes());
  auto run = [&](RegionId id, SliceCopy slice, ReadyEvent ready = {}) {
    return start(&GpuConnector::scatter, id, {{0, 0, host.data()}, slice}, ready).get().error();
  };
  EXPECT_EQ(run(region, {4, 0, host.data()}), GpuError::kSlotOutOfRange);
  EXPECT_EQ(run(region, {0, 2, host.data()}), GpuError::kLayerOutOfRange);
  EXPECT_EQ(run(RegionId{99}, {0, 0, host.data()}), GpuError::kUnknownRegion);
  ReadyEvent device;
  device.device = &host;
  EXPECT_EQ(run(region, {0, 0, host.data()}, device), GpuError::kNoDevice);
  EXPECT_EQ(memory, before);
  EXPECT_EQ(connector_.register_region({memory.data(), memory.size() - 1}, named.layout).error(),
            GpuError::kLayoutOutOfBounds);
  EXPECT_EQ(connector_.layout_of(RegionId{99}).error(), GpuError::kUnknownRegion);
  EXPECT_TRUE(connector_.stream_wait(region, nullptr));
  EXPECT_EQ(connector_.stream_wait(region, &host).error(), GpuError::kNoDevice);
  const auto happened = [&](RegionId of, void* event) {
    auto told = std::make_shared<std::promise<base::Result<>>>();
    connector_.when_happened(of, event, [told](base::Result<> outcome) { told->set_value(outcome); });
    return told->get_future().get();
  };
  EXPECT_TRUE(happened(region, nullptr));
  EXPECT_EQ(happened(region, &host).error(), GpuError::kNoDevice);
  EXPECT_EQ(happened(RegionId{999}, nullptr).error(), GpuError::kUnknownRegion);
}

TEST_F(HostConnectorTest, CopiesOfOneRegionWaitForItsEventInOrderAndOthersDoNot) {
  const auto named = testing::wire_order({});
  const std::size_t slice_bytes = named.layout.format.layer_slice_bytes();
  std::vector<std::uint8_t> memory(named.region_bytes, 1), other(named.region_bytes, 2);
  const RegionId held = *connector_.register_region({memory.data(), memory.size()}, named.layout);
  const RegionId free = *connector_.register_region({other.data(), other.size()}, named.layout);
  std::vector<std::uint8_t> first(slice_bytes, 3), second(slice_bytes, 4), out(slice_bytes);
  auto event = std::make_shared<HostEvent>();
  auto one = start(&GpuConnector::scatter, held, {{0, 0, first.data()}}, ReadyEvent{event, nullptr});
  auto two = start(&GpuConnector::scatter, held, {{0, 0, second.data()}});
  ASSERT_TRUE(gather(free, {{0, 0, out.data()}}));
  EXPECT_EQ(out[0], 2);
  EXPECT_EQ(one.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_EQ(two.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  event->signal();
  ASSERT_TRUE(one.get());
  ASSERT_TRUE(two.get());
  EXPECT_EQ(memory[0], 4) << "the second copy came last";
}

TEST_F(HostConnectorTest, UnregisterFailsWhatHasNotBegun) {
  const auto named = testing::nhd({});
  auto memory = counted_bytes(named.region_bytes);
  const RegionId region = *connector_.register_region({memory.data(), memory.size()}, named.layout);
  std::vector<std::uint8_t> host(named.layout.format.layer_slice_bytes());
  auto event = std::make_shared<HostEvent>();
  auto waiting = start(&GpuConnector::gather, region, {{0, 0, host.data()}}, ReadyEvent{event, nullptr});
  connector_.unregister_region(region);
  EXPECT_EQ(waiting.get().error(), GpuError::kUnknownRegion);
  EXPECT_EQ(gather(region, {{0, 0, host.data()}}).error(), GpuError::kUnknownRegion);
  event->signal();
}

TEST_F(HostConnectorTest, NothingTouchesMemoryAfterUnregister) {
  const auto named = testing::hnd({});
  std::vector<std::uint8_t> host(named.layout.format.layer_slice_bytes());
  for (int i = 0; i < 200; ++i) {
    auto memory = std::make_unique<std::vector<std::uint8_t>>(named.region_bytes);
    const RegionId region = *connector_.register_region({memory->data(), memory->size()}, named.layout);
    std::vector<std::future<base::Result<>>> copies;
    for (Slot slot = 0; slot < 4; ++slot) {
      copies.push_back(start(&GpuConnector::scatter, region, {{slot, 0, host.data()}}));
    }
    connector_.unregister_region(region);
    memory.reset();  // address sanitizer would see a late write
    for (auto& copy : copies) copy.get();
  }
}

TEST(HostConnectorLifeTest, DestructionFailsWhatWaits) {
  const auto named = testing::nhd({});
  auto memory = counted_bytes(named.region_bytes);
  std::vector<std::uint8_t> host(named.layout.format.layer_slice_bytes());
  auto event = std::make_shared<HostEvent>();
  std::atomic<bool> failed{false};
  {
    HostConnector connector("test");
    const RegionId region = *connector.register_region({memory.data(), memory.size()}, named.layout);
    connector.gather(region, {{0, 0, host.data()}}, ReadyEvent{event, nullptr},
                     [&](base::Result<> outcome) { failed = outcome.has_error(); });
  }
  EXPECT_TRUE(failed);
  event->signal();
}

}  // namespace
}  // namespace kvp2p
