// The kernels' arithmetic and tables, run on the host: the same Divisor, Walk and locate() as on the device.
#include "gpu/cuda/kvcache_fail.h"
#include "gpu/cuda/paged_plan.h"
#include "gpu/cuda/testing/plans.h"

#include <gtest/gtest.h>
#include <cstring>
#include <random>

namespace {

using kvp2p::testing::NamedLayout;
using kvp2p::testing::Shape;

/// Does what paged_copy.cuh does, lane by lane.
class HostLauncher final : public kvc::PagedLauncher {
 public:
  bool has_bulk() const override { return bulk; }
  kvc_status launch(const kvc::SmallSlices& table, const kvc::CopyKind& kind) override { return run(table, kind); }
  kvc_status launch(const kvc::MediumSlices& table, const kvc::CopyKind& kind) override { return run(table, kind); }
  kvc_status launch(const kvc::LargeSlices& table, const kvc::CopyKind& kind) override { return run(table, kind); }
  kvc_status launch(const kvc::SmallSlots& table, const kvc::CopyKind& kind) override { return run(table, kind); }
  kvc_status launch(const kvc::MediumSlots& table, const kvc::CopyKind& kind) override { return run(table, kind); }
  kvc_status launch(const kvc::LargeSlots& table, const kvc::CopyKind& kind) override { return run(table, kind); }

  bool bulk = true;
  int bulk_launches = 0;
  int launches = 0;
  std::uint32_t smallest_unit = 16;
  kvc::CopyMode last_mode = kvc::CopyMode::kPlain;

 private:
  template <class Table>
  kvc_status run(const Table& table, const kvc::CopyKind& kind) {
    const auto [mode, unit, in_bulk] = kind;
    ++launches;
    smallest_unit = std::min(smallest_unit, unit);
    last_mode = mode;
    if (in_bulk) return run_bulk(table);
    const bool generic = unit != 16 || mode == kvc::CopyMode::kBothWalk;
    const bool same = !generic && mode == kvc::CopyMode::kSameWalk;
    const bool from_walks = generic || same || mode == kvc::CopyMode::kFromWalks;
    const bool to_walks = generic || mode == kvc::CopyMode::kToWalks;
    for (std::uint32_t chunk = 0; chunk < table.head.chunks; ++chunk) {
      const kvc::Chunk at = kvc::locate(table, chunk);
      const kvc::Shape& shape = table.shapes[at.shape];
      for (std::uint32_t i = 0; i < kvc::kUnitsPerChunk; ++i) {
        const std::uint32_t n = at.first_unit + i;
        if (n >= table.head.units_per_slice) continue;
        const std::int64_t from = from_walks ? shape.from.offset(n, unit) : std::int64_t{n} * unit;
        const std::int64_t to = same ? from : to_walks ? shape.to.offset(n, unit) : std::int64_t{n} * unit;
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(at.from + from) % unit, 0u);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(at.to + to) % unit, 0u);
        std::memcpy(at.to + to, at.from + from, unit);
      }
    }
    return KVC_OK;
  }

  /// Does what paged_bulk.cuh does, warp by warp.
  template <class Table>
  kvc_status run_bulk(const Table& table) {
    ++bulk_launches;
    for (std::uint32_t chunk = 0; chunk < table.head.chunks; ++chunk) {
      const kvc::Chunk at = kvc::locate(table, chunk);
      const kvc::Shape& shape = table.shapes[at.shape];
      std::uint8_t held[kvc::kBulkBytes];
      const std::uint32_t in = kvc::bulk_run_bytes(shape.from), out = kvc::bulk_run_bytes(shape.to);
      for (std::uint32_t i = 0; i < kvc::kBulkBytes; i += in) {
        std::memcpy(held + i, at.from + shape.from.offset(at.first_unit + i / 16, 16), in);
      }
      for (std::uint32_t i = 0; i < kvc::kBulkBytes; i += out) {
        std::memcpy(at.to + shape.to.offset(at.first_unit + i / 16, 16), held + i, out);
      }
    }
    return KVC_OK;
  }
};

std::vector<std::uint8_t> random_bytes(std::size_t count, std::mt19937& random) {
  std::vector<std::uint8_t> bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

kvc_region region_of(const kvp2p::LayoutDesc& layout, std::vector<std::uint8_t>& memory) {
  kvc_region region;
  const std::vector<kvc_slice_plan> plans = kvp2p::testing::plans_of(layout);
  EXPECT_STREQ(
      kvc::fill_region(memory.size(), plans.data(), static_cast<std::uint32_t>(plans.size()), layout.slots(), &region),
      nullptr);
  region.start = memory.data();
  return region;
}

NamedLayout some_layout(const Shape& shape, std::mt19937& random) {
  switch (random() % 6) {
    case 0:
      return kvp2p::testing::nhd(shape);
    case 1:
      return kvp2p::testing::hnd(shape);
    case 2:
      return kvp2p::testing::packed(shape);
    case 3:
      return kvp2p::testing::wire_order(shape);
    default:
      return kvp2p::testing::random_layout(shape, random);
  }
}

TEST(Divisor, IsExactBelow2To31) {
  std::mt19937 random(1);
  std::vector<std::uint32_t> divisors = {1,   2,   3,          5,          7,          16,        80,
                                         127, 128, 0x3fffffff, 0x40000000, 0x40000001, 0x7fffffff};
  for (int i = 0; i < 500; ++i) divisors.push_back(1 + random() % (1u << (1 + random() % 30)));
  for (const std::uint32_t d : divisors) {
    const kvc::Divisor divisor = kvc::divide_by(d);
    std::vector<std::uint32_t> numbers = {0, 1, d - 1, d, 0x7ffffffe, 0x7fffffff};
    for (int i = 0; i < 100; ++i) numbers.push_back(static_cast<std::uint32_t>(random() >> 1));
    for (int i = 0; i < 100; ++i) {
      const std::uint64_t multiple = std::uint64_t{d} * (random() % (0x7fffffff / d + 1));
      numbers.push_back(static_cast<std::uint32_t>(multiple));
      if (multiple > 0) numbers.push_back(static_cast<std::uint32_t>(multiple - 1));
    }
    for (const std::uint32_t n : numbers) {
      if (n > 0x7fffffff) continue;
      ASSERT_EQ(divisor.quotient(n), n / d) << n << " / " << d;
    }
  }
}

TEST(PagedPlan, GathersAndScattersWhatTheLayoutSays) {
  std::mt19937 random(2);
  for (int round = 0; round < 150; ++round) {
    const Shape shape = kvp2p::testing::random_shape(random);
    const NamedLayout named = some_layout(shape, random);
    std::vector<std::uint8_t> memory = random_bytes(named.region_bytes, random);
    const kvc_region region = region_of(named.layout, memory);
    const std::size_t slice_bytes = region.slice_bytes;
    const std::size_t gap = random() % 2 == 0 ? 0 : random() % 40;
    std::vector<kvc_slice> slices;
    for (std::uint32_t slot = 0; slot < region.slots; ++slot) {
      for (std::uint32_t layer = 0; layer < shape.layers; ++layer) {
        slices.push_back({slot, layer, slices.size() * (slice_bytes + gap)});
      }
    }
    std::vector<std::uint8_t> wire(slices.size() * (slice_bytes + gap), 0xcd);
    std::vector<std::uint8_t> expected = wire;
    ASSERT_EQ(kvc::check_slices(region, slices.data(), slices.size(), wire.size()), KVC_OK) << kvc_last_error();
    HostLauncher launcher;
    ASSERT_EQ(kvc::plan_gather(region, slices.data(), slices.size(), wire.data(), launcher), KVC_OK);
    for (const kvc_slice& slice : slices) {
      const auto bytes = kvp2p::testing::naive_gather(named.layout, memory.data(), slice.layer, slice.slot);
      std::copy(bytes.begin(), bytes.end(), expected.begin() + static_cast<std::ptrdiff_t>(slice.offset));
    }
    ASSERT_EQ(wire, expected) << named.name;

    std::vector<std::uint8_t> back(memory.size(), 0xab);
    std::vector<std::uint8_t> back_expected = back;
    kvc_region target = region;
    target.start = back.data();
    ASSERT_EQ(kvc::plan_scatter(target, slices.data(), slices.size(), wire.data(), launcher), KVC_OK);
    for (const kvc_slice& slice : slices) {
      kvp2p::scatter_slice(kvp2p::make_slice_plan(named.layout, slice.layer), wire.data() + slice.offset,
                           back_expected.data(), slice.slot);
    }
    ASSERT_EQ(back, back_expected) << named.name;
  }
}

TEST(PagedPlan, CopiesBlocksBetweenAnyTwoLayouts) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    const Shape shape = kvp2p::testing::random_shape(random);
    Shape other = shape;
    other.engine_blocks = 1 + random() % 4;
    const NamedLayout a = some_layout(shape, random);
    const bool alike = random() % 3 == 0;
    const NamedLayout b = alike ? a : some_layout(other, random);
    std::vector<std::uint8_t> from_memory = random_bytes(a.region_bytes, random);
    std::vector<std::uint8_t> to_memory = random_bytes(b.region_bytes, random);
    std::vector<std::uint8_t> expected = to_memory;
    const kvc_region from = region_of(a.layout, from_memory);
    const kvc_region to = region_of(b.layout, to_memory);
    std::vector<kvc_pair> slots;
    for (std::uint32_t slot = 0; slot < std::min(from.slots, to.slots); ++slot) {
      slots.push_back({static_cast<std::uint32_t>(random() % from.slots), to.slots - 1 - slot});
    }
    std::vector<kvc_pair> layers;
    for (std::uint32_t layer = 0; layer < shape.layers; ++layer) {
      layers.push_back({static_cast<std::uint32_t>(random() % shape.layers), layer});
    }
    ASSERT_EQ(kvc::check_blocks(from, to, slots.data(), slots.size(), layers.data(), layers.size()), KVC_OK);
    HostLauncher launcher;
    ASSERT_EQ(kvc::plan_blocks(from, to, slots.data(), slots.size(), layers.data(), layers.size(), launcher), KVC_OK);
    for (const kvc_pair& slot : slots) {
      for (const kvc_pair& layer : layers) {
        const auto bytes = kvp2p::testing::naive_gather(a.layout, from_memory.data(), layer.from, slot.from);
        kvp2p::scatter_slice(kvp2p::make_slice_plan(b.layout, layer.to), bytes.data(), expected.data(), slot.to);
      }
    }
    ASSERT_EQ(to_memory, expected) << a.name << " to " << b.name;
  }
}

TEST(PagedPlan, LongTablesAreCutIntoLaunches) {
  std::mt19937 random(4);
  Shape shape;
  shape.layers = 1;
  shape.heads = 1;
  shape.head_dim = 1;
  shape.element = kvp2p::ElementType::kF8E4m3;
  shape.engine_blocks = 12000;
  const NamedLayout named = kvp2p::testing::hnd(shape);
  std::vector<std::uint8_t> memory = random_bytes(named.region_bytes, random);
  const kvc_region region = region_of(named.layout, memory);
  std::vector<kvc_slice> slices;
  for (std::uint32_t i = 0; i < 12000; ++i) slices.push_back({11999 - i, 0, i * region.slice_bytes});
  std::vector<std::uint8_t> wire(12000 * region.slice_bytes);
  HostLauncher launcher;
  ASSERT_EQ(kvc::plan_gather(region, slices.data(), slices.size(), wire.data(), launcher), KVC_OK);
  EXPECT_EQ(launcher.launches, 1 + (12000 - 220 + 1599) / 1600) << "a small one first";
  for (std::uint32_t i = 0; i < 12000; ++i) {
    const auto bytes = kvp2p::testing::naive_gather(named.layout, memory.data(), 0, 11999 - i);
    ASSERT_EQ(std::memcmp(wire.data() + i * region.slice_bytes, bytes.data(), bytes.size()), 0) << i;
  }
}

/// K and V of every layer apart by a distance of its own, as separate tensors are: more shapes than a table holds.
TEST(PagedPlan, EveryLayerMayHaveAShapeOfItsOwn) {
  std::mt19937 random(5);
  constexpr std::uint32_t kLayers = 150;
  Shape shape;
  shape.layers = kLayers;
  shape.heads = 2;
  shape.engine_blocks = 3;
  NamedLayout named = kvp2p::testing::nhd(shape);
  named.region_bytes += kLayers * 16;
  for (std::uint32_t layer = 0; layer < kLayers; ++layer) named.layout.layers[layer].v += 16 * layer;
  std::vector<std::uint8_t> memory = random_bytes(named.region_bytes, random);
  const kvc_region region = region_of(named.layout, memory);
  ASSERT_EQ(region.shapes.size(), kLayers);
  std::vector<kvc_slice> slices;
  for (std::uint32_t i = 0; i < 3 * kLayers; ++i) slices.push_back({i / kLayers, i % kLayers, i * region.slice_bytes});
  std::vector<std::uint8_t> wire(slices.size() * region.slice_bytes);
  HostLauncher launcher;
  ASSERT_EQ(kvc::plan_gather(region, slices.data(), slices.size(), wire.data(), launcher), KVC_OK);
  for (const kvc_slice& slice : slices) {
    const auto bytes = kvp2p::testing::naive_gather(named.layout, memory.data(), slice.layer, slice.slot);
    ASSERT_EQ(std::memcmp(wire.data() + slice.offset, bytes.data(), bytes.size()), 0) << slice.layer;
  }
  std::vector<std::uint8_t> target_memory(wire.size());
  const NamedLayout target_layout = kvp2p::testing::wire_order(shape);
  const kvc_region target = region_of(target_layout.layout, target_memory);
  std::vector<kvc_pair> slots = {{0, 2}, {1, 1}, {2, 0}};
  std::vector<kvc_pair> layers;
  for (std::uint32_t layer = 0; layer < kLayers; ++layer) layers.push_back({layer, layer});
  ASSERT_EQ(kvc::plan_blocks(region, target, slots.data(), 3, layers.data(), kLayers, launcher), KVC_OK);
  for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
    for (const kvc_pair& slot : slots) {
      ASSERT_EQ(kvp2p::testing::naive_gather(target_layout.layout, target_memory.data(), layer, slot.to),
                kvp2p::testing::naive_gather(named.layout, memory.data(), layer, slot.from));
    }
  }
}

TEST(PagedPlan, UsualCopiesAreOneLaunchInUnitsOf16Bytes) {
  Shape shape;
  shape.layers = 32;
  shape.heads = 1;
  shape.head_dim = 8;
  shape.element = kvp2p::ElementType::kBf16;
  shape.engine_blocks = 512;
  const NamedLayout named = kvp2p::testing::nhd(shape);
  std::vector<std::uint8_t> from_memory(named.region_bytes);
  std::vector<std::uint8_t> to_memory(named.region_bytes);
  const kvc_region from = region_of(named.layout, from_memory);
  const kvc_region to = region_of(named.layout, to_memory);
  std::vector<kvc_pair> slots;
  std::vector<kvc_pair> layers;
  for (std::uint32_t i = 0; i < 512; ++i) slots.push_back({i, 511 - i});
  for (std::uint32_t i = 0; i < 32; ++i) layers.push_back({i, i});
  HostLauncher launcher;
  launcher.bulk = false;
  ASSERT_EQ(kvc::plan_blocks(from, to, slots.data(), 512, layers.data(), 32, launcher), KVC_OK);
  EXPECT_EQ(launcher.launches, 1);
  EXPECT_EQ(launcher.smallest_unit, 16u);
  EXPECT_EQ(launcher.last_mode, kvc::CopyMode::kSameWalk);
}

/// bf16, 4 heads of 128: NHD has runs of 256 bytes, wire order one of 32 KiB.
TEST(PagedPlan, LongRunsAreCopiedInBulkWhereTheDeviceCan) {
  std::mt19937 random(6);
  Shape shape;
  shape.heads = 4;
  shape.head_dim = 128;
  shape.element = kvp2p::ElementType::kBf16;
  shape.engine_blocks = 5;
  const NamedLayout nhd = kvp2p::testing::nhd(shape);
  const NamedLayout wire = kvp2p::testing::wire_order(shape);
  for (const bool bulk : {true, false}) {
    for (const NamedLayout* a : {&nhd, &wire}) {
      for (const NamedLayout* b : {&nhd, &wire}) {
        std::vector<std::uint8_t> from_memory = random_bytes(a->region_bytes, random);
        std::vector<std::uint8_t> to_memory(b->region_bytes);
        const kvc_region from = region_of(a->layout, from_memory);
        const kvc_region to = region_of(b->layout, to_memory);
        const std::vector<kvc_pair> slots = {{0, 4}, {3, 1}, {2, 2}};
        const kvc_pair layer = {0, 0};
        HostLauncher launcher;
        launcher.bulk = bulk;
        ASSERT_EQ(kvc::plan_blocks(from, to, slots.data(), slots.size(), &layer, 1, launcher), KVC_OK);
        EXPECT_EQ(launcher.bulk_launches, bulk ? 1 : 0);
        for (const kvc_pair& slot : slots) {
          EXPECT_EQ(kvp2p::testing::naive_gather(a->layout, from_memory.data(), 0, slot.from),
                    kvp2p::testing::naive_gather(b->layout, to_memory.data(), 0, slot.to))
              << a->name << " to " << b->name;
        }
      }
    }
  }
}

TEST(PagedPlan, AlikeNhdWalksWholePlanes) {
  Shape shape;
  shape.heads = 8;
  shape.head_dim = 128;
  const NamedLayout named = kvp2p::testing::nhd(shape);
  std::vector<std::uint8_t> memory(named.region_bytes);
  const kvc_region region = region_of(named.layout, memory);
  EXPECT_EQ(kvc::longest_runs(region.shapes[0]).run_bytes, region.slice_bytes / 2);
  EXPECT_EQ(region.shapes[0].run_bytes, 128u * 4);
}

TEST(PagedPlan, OutOfBoundsIsRefused) {
  Shape shape;
  const NamedLayout named = kvp2p::testing::nhd(shape);
  std::vector<std::uint8_t> memory(named.region_bytes);
  const kvc_region region = region_of(named.layout, memory);
  const std::uint64_t bytes = region.slice_bytes;
  const kvc_slice bad[] = {{region.slots, 0, 0}, {0, shape.layers, 0}, {0, 0, 1}, {0, 0, UINT64_MAX}};
  for (const kvc_slice& slice : bad) EXPECT_EQ(kvc::check_slices(region, &slice, 1, bytes), KVC_ERROR_ARGUMENT);
  const kvc_slice good = {region.slots - 1, shape.layers - 1, 0};
  EXPECT_EQ(kvc::check_slices(region, &good, 1, bytes), KVC_OK);
  const kvc_pair outside = {0, region.slots};
  const kvc_pair inside = {0, 0};
  for (std::size_t at = 0; at < 5; ++at) {
    for (const std::uint32_t slot : {region.slots, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
      std::vector<kvc_pair> pairs(5, {region.slots - 1, region.slots - 1});
      EXPECT_EQ(kvc::check_blocks(region, region, pairs.data(), pairs.size(), &inside, 1), KVC_OK);
      pairs[at].from = slot;
      EXPECT_EQ(kvc::check_blocks(region, region, pairs.data(), pairs.size(), &inside, 1), KVC_ERROR_ARGUMENT);
      pairs[at] = {0, slot};
      EXPECT_EQ(kvc::check_blocks(region, region, pairs.data(), pairs.size(), &inside, 1), KVC_ERROR_ARGUMENT);
    }
  }
  EXPECT_EQ(kvc::check_blocks(region, region, &outside, 1, &inside, 1), KVC_ERROR_ARGUMENT);
  EXPECT_EQ(kvc::check_blocks(region, region, &inside, 1, &outside, 1), KVC_ERROR_ARGUMENT);
}

TEST(RegionPlan, InconsistentOrOutsideIsRefused) {
  kvc_slice_plan good = {};
  good.base = 64;
  good.loops[0] = {2, -64};
  good.loops[1] = {1, INT64_MIN};  // never taken
  good.loops[2] = {1, 0};
  good.run_bytes = 64;
  good.slice_bytes = 128;
  good.block_stride = 128;
  good.slots_per_block = 1;
  EXPECT_EQ(kvc::refuse_plan(good, 128 * 4, 4), nullptr);
  EXPECT_NE(kvc::refuse_plan(good, 128 * 4 - 1, 4), nullptr);
  EXPECT_NE(kvc::refuse_plan(good, 128 * 4, 5), nullptr);
  const auto refused = [&](auto change) {
    kvc_slice_plan plan = good;
    change(plan);
    return kvc::refuse_plan(plan, 128 * 4, 4) != nullptr;
  };
  EXPECT_TRUE(refused([](auto& p) { p.base = 63; }));
  EXPECT_TRUE(refused([](auto& p) { p.base = UINT64_MAX; }));
  EXPECT_TRUE(refused([](auto& p) { p.run_bytes = 0; }));
  EXPECT_TRUE(refused([](auto& p) { p.slice_bytes = 256; }));
  EXPECT_TRUE(refused([](auto& p) { p.slots_per_block = 0; }));
  EXPECT_TRUE(refused([](auto& p) { p.block_stride = UINT64_MAX; }));
  EXPECT_TRUE(refused([](auto& p) { p.loops[0].count = 0; }));
  EXPECT_TRUE(refused([](auto& p) { p.loops[0].count = UINT64_MAX; }));
  EXPECT_TRUE(refused([](auto& p) { p.loops[0].stride = INT64_MIN; }));
  EXPECT_TRUE(refused([](auto& p) { p.loops[0].stride = INT64_MAX; }));
}

}  // namespace
