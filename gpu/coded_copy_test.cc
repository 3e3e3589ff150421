#include "gpu/coded_copy.h"

#include "gpu/host_connector.h"
#include "gpu/testing/engine_memory.h"

#include <gtest/gtest.h>

#include <future>

namespace kvp2p {
namespace {

using testing::EngineMemory;
using testing::NamedLayout;
using testing::Shape;

constexpr Codec kCodecs[] = {Codec::kInt8, Codec::kFp8, Codec::kInt4};

BlockKey key_of(Slot slot) {
  BlockKey key;
  key.bytes[0] = static_cast<std::uint8_t>(slot + 1);
  return key;
}

/// Gathers every slice, compares with the coded reference, and scatters all of it into other memory.
void expect_coded_round_trip(const NamedLayout& from_layout, const NamedLayout& to_layout) {
  SCOPED_TRACE(from_layout.name + " to " + to_layout.name);
  EngineMemory from(from_layout), to(to_layout);
  const ObjectFormat& format = from.format();
  const CodedShape shape = CodedShape::of(format);
  for (Slot slot = 0; slot < from.layout().slots(); ++slot) from.compute(key_of(slot), slot);
  for (std::uint32_t layer = 0; layer < format.shard.layers(); ++layer) {
    const SlicePlan from_plan = make_slice_plan(from.layout(), layer);
    const SlicePlan to_plan = make_slice_plan(to.layout(), layer);
    for (Slot slot = 0; slot < from.layout().slots(); ++slot) {
      base::Bytes coded(format.layer_slice_bytes()), expected(format.layer_slice_bytes());
      gather_coded(from_plan, shape, from.bytes().data(), slot, coded.data());
      encode_head_slices(shape, testing::naive_gather(from.layout(), from.bytes().data(), layer, slot), expected);
      ASSERT_EQ(coded, expected) << "layer " << layer << " slot " << slot;
      scatter_coded(to_plan, shape, coded.data(), to.bytes().data(), slot);
    }
  }
  for (Slot slot = 0; slot < to.layout().slots(); ++slot) ASSERT_TRUE(to.holds_decoded(key_of(slot), slot)) << slot;
}

TEST(CodedCopyTest, EnginesLayoutsAndRandomOnes) {
  std::mt19937 random(5);
  for (const Codec codec : kCodecs) {
    Shape shape;
    shape.codec = codec;
    shape.element = ElementType::kBf16;
    shape.head_dim = 80;
    expect_coded_round_trip(testing::nhd(shape), testing::hnd(shape));
    expect_coded_round_trip(testing::wire_order(shape), testing::packed(shape));
    expect_coded_round_trip(testing::packed(shape), testing::wire_order(shape));
    for (int i = 0; i < 20; ++i) {
      Shape any = testing::random_shape(random);
      if (any.element == ElementType::kF8E4m3) any.element = ElementType::kF16;
      any.codec = codec;
      expect_coded_round_trip(testing::random_layout(any, random), testing::random_layout(any, random));
    }
  }
}

base::Result<> wait_for(const std::function<void(CopyDone)>& call) {
  auto done = std::make_shared<std::promise<base::Result<>>>();
  call([done](base::Result<> outcome) { done->set_value(outcome); });
  return done->get_future().get();
}

TEST(CodedCopyTest, TheConnectorCodesRegionsWhoseFormatSaysSo) {
  Shape shape;
  shape.codec = Codec::kInt8;
  shape.head_dim = 64;
  EngineMemory from(testing::nhd(shape)), to(testing::hnd(shape));
  HostConnector connector("test");
  const RegionId source = connector.register_region(from.as_region(), from.layout()).value();
  const RegionId target = connector.register_region(to.as_region(), to.layout()).value();
  const std::size_t slice_bytes = from.format().layer_slice_bytes();
  base::Bytes staging(from.format().block_bytes());
  std::vector<SliceCopy> copies;
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer) {
    copies.push_back({1, layer, staging.data() + layer * slice_bytes});
  }
  from.compute(key_of(1), 1);
  ASSERT_TRUE(wait_for([&](CopyDone done) { connector.gather(source, copies, {}, std::move(done)); }));
  ASSERT_TRUE(is_sound(CodedShape::of(from.format()), staging));
  ASSERT_TRUE(wait_for([&](CopyDone done) { connector.scatter(target, copies, {}, std::move(done)); }));
  EXPECT_TRUE(to.holds_decoded(key_of(1), 1));
  EXPECT_TRUE(to.is_poisoned(0));
  EXPECT_TRUE(to.is_poisoned(2));
}

}  // namespace
}  // namespace kvp2p
