// Gather, scatter and copies between regions against a naive reference.
#include "gpu/cuda/kvcache_gpu_test.h"
#include "gpu/cuda/testing/plans.h"

#include <algorithm>
#include <cstring>

namespace kvp2p::testing {

namespace {

struct Region {
  explicit Region(const LayoutDesc& layout, const Guarded& memory, std::size_t bytes) {
    const std::vector<kvc_slice_plan> plans = plans_of(layout);
    good(kvc_region_create(0, memory.start(), bytes, plans.data(), static_cast<std::uint32_t>(plans.size()),
                           layout.slots(), &made),
         "region");
    slice_bytes = plans[0].slice_bytes;
  }
  ~Region() { kvc_region_destroy(made); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  kvc_region* made = nullptr;
  std::size_t slice_bytes = 0;
};

std::vector<std::uint8_t> poison(std::size_t bytes) { return std::vector<std::uint8_t>(bytes, Guarded::kPoison); }

std::string describe(const NamedLayout& named) {
  const ObjectFormat& format = named.layout.format;
  return named.name + " heads " + std::to_string(format.shard.heads()) + " dim " + std::to_string(format.head_dim) +
         " element " + std::to_string(element_bytes(format.element)) + " planes " + std::to_string(format.planes) +
         " block " + std::to_string(named.layout.engine_block_tokens) + " slots " +
         std::to_string(named.layout.slots()) + " layers " + std::to_string(named.layout.layers.size());
}

/// Gathers `slices`, compares, scatters the result into a poisoned region, compares again.
void check_slices(const GpuTest& test, const NamedLayout& named, const std::vector<kvc_slice>& slices,
                  std::size_t wire_bytes, Guarded::Kind wire_kind, std::size_t misaligned, std::mt19937& random) {
  const std::string what = describe(named) + (wire_kind == Guarded::Kind::kPinned ? " pinned" : " device") + " +" +
                           std::to_string(misaligned) + " slices " + std::to_string(slices.size());
  const std::vector<std::uint8_t> bytes = random_bytes(named.region_bytes, random);
  Guarded memory(Guarded::Kind::kDevice, named.region_bytes, misaligned);
  memory.write(bytes);
  Guarded wire(wire_kind, wire_bytes, misaligned);
  const Region region(named.layout, memory, named.region_bytes);
  if (region.made == nullptr) return;
  if (!good(kvc_gather(region.made, slices.data(), slices.size(), wire.start(), wire_bytes, test.stream),
            "gather " + what)) {
    return;
  }
  std::vector<std::uint8_t> expected = poison(wire_bytes);
  for (const kvc_slice& slice : slices) {
    const auto reference = naive_gather(named.layout, bytes.data(), slice.layer, slice.slot);
    std::copy(reference.begin(), reference.end(), expected.begin() + static_cast<std::ptrdiff_t>(slice.offset));
  }
  expect_equal(wire.read(test.stream, "gather " + what), expected, "gather " + what);
  expect_equal(memory.read(test.stream, "gather's source " + what), bytes, "gather's source " + what);

  Guarded back(Guarded::Kind::kDevice, named.region_bytes, misaligned);
  const Region target(named.layout, back, named.region_bytes);
  Guarded source(wire_kind, wire_bytes, misaligned);
  source.write(expected);
  good(kvc_scatter(target.made, slices.data(), slices.size(), source.start(), wire_bytes, test.stream),
       "scatter " + what);
  std::vector<std::uint8_t> back_expected = poison(named.region_bytes);
  for (const kvc_slice& slice : slices) {
    scatter_slice(make_slice_plan(named.layout, slice.layer), expected.data() + slice.offset, back_expected.data(),
                  slice.slot);
  }
  expect_equal(back.read(test.stream, "scatter " + what), back_expected, "scatter " + what);
}

/// All slices of the region in a random order, `gap` bytes apart.
std::vector<kvc_slice> all_slices(const NamedLayout& named, std::size_t gap, std::size_t* wire_bytes,
                                  std::mt19937& random) {
  const std::size_t step = named.layout.format.layer_slice_bytes() + gap;
  std::vector<kvc_slice> slices;
  for (std::uint32_t slot = 0; slot < named.layout.slots(); ++slot) {
    for (std::uint32_t layer = 0; layer < named.layout.layers.size(); ++layer) slices.push_back({slot, layer, 0});
  }
  std::shuffle(slices.begin(), slices.end(), random);
  for (std::size_t i = 0; i < slices.size(); ++i) slices[i].offset = i * step;
  *wire_bytes = slices.size() * step;
  return slices;
}

std::vector<NamedLayout> layouts_of(const Shape& shape, std::mt19937& random) {
  return {nhd(shape), hnd(shape), packed(shape), wire_order(shape), random_layout(shape, random)};
}

void shapes(const GpuTest& test, Guarded::Kind kind) {
  std::mt19937 random(11);
  for (const std::uint32_t head_dim : {1, 3, 64, 80, 96, 128, 192}) {
    for (const ElementType element : {ElementType::kF8E4m3, ElementType::kBf16, ElementType::kF32}) {
      for (const std::uint32_t heads : {1, 3, 8}) {
        if (test.quick && (head_dim % 64 + heads) % 3 != 1) continue;
        Shape shape;
        shape.head_dim = head_dim;
        shape.element = element;
        shape.heads = heads;
        shape.engine_block_tokens = 16 << (random() % 3);
        shape.planes = static_cast<std::uint8_t>(1 + random() % 2);
        for (const NamedLayout& named : layouts_of(shape, random)) {
          std::size_t wire_bytes = 0;
          const std::size_t gap = random() % 3 == 0 ? random() % 33 : 0;
          const auto slices = all_slices(named, gap, &wire_bytes, random);
          const std::size_t misaligned = random() % 3 == 0 ? random() % 16 : 0;
          check_slices(test, named, slices, wire_bytes, kind, misaligned, random);
        }
      }
    }
  }
}

void random_shapes(const GpuTest& test) {
  std::mt19937 random(12);
  for (int round = 0; round < (test.quick ? 10 : 100); ++round) {
    const NamedLayout named = random_layout(random_shape(random), random);
    std::size_t wire_bytes = 0;
    const auto slices = all_slices(named, random() % 2 * 5, &wire_bytes, random);
    check_slices(test, named, slices, wire_bytes, Guarded::Kind::kDevice, random() % 2 * 8, random);
  }
}

void many_slices(const GpuTest& test) {
  std::mt19937 random(13);
  Shape shape;
  shape.layers = 4;
  shape.heads = 1;
  shape.head_dim = 8;
  shape.element = ElementType::kBf16;
  shape.engine_blocks = test.quick ? 700 : 3000;
  for (const NamedLayout& named : {nhd(shape), wire_order(shape)}) {
    std::size_t wire_bytes = 0;
    auto slices = all_slices(named, 0, &wire_bytes, random);
    check_slices(test, named, slices, wire_bytes, Guarded::Kind::kDevice, 0, random);
    slices.resize(1);
    check_slices(test, named, slices, wire_bytes, Guarded::Kind::kDevice, 0, random);
    slices.clear();
    check_slices(test, named, slices, wire_bytes, Guarded::Kind::kDevice, 0, random);
  }
  // More shapes than a launch's table holds: each layer's V lies at a distance of its own from its K.
  shape.layers = 60;
  shape.engine_blocks = 3;
  NamedLayout apart = nhd(shape);
  apart.name = "NHD, planes apart";
  apart.region_bytes += 16 * shape.layers;
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer) apart.layout.layers[layer].v += 16 * layer;
  std::size_t wire_bytes = 0;
  const auto slices = all_slices(apart, 0, &wire_bytes, random);
  check_slices(test, apart, slices, wire_bytes, Guarded::Kind::kDevice, 0, random);
}

void check_blocks(const GpuTest& test, const NamedLayout& a, const NamedLayout& b, std::size_t misaligned,
                  std::mt19937& random) {
  const std::string what = describe(a) + " to " + describe(b) + " +" + std::to_string(misaligned);
  const std::vector<std::uint8_t> bytes = random_bytes(a.region_bytes, random);
  Guarded from_memory(Guarded::Kind::kDevice, a.region_bytes, misaligned);
  from_memory.write(bytes);
  Guarded to_memory(Guarded::Kind::kDevice, b.region_bytes);
  const Region from(a.layout, from_memory, a.region_bytes);
  const Region to(b.layout, to_memory, b.region_bytes);
  if (from.made == nullptr || to.made == nullptr) return;
  std::vector<kvc_pair> slots;
  for (std::uint32_t i = 0; i < b.layout.slots(); i += 1 + random() % 2) {
    slots.push_back({static_cast<std::uint32_t>(random() % a.layout.slots()), i});
  }
  std::vector<kvc_pair> layers;
  const auto layer_count = static_cast<std::uint32_t>(b.layout.layers.size());
  for (std::uint32_t i = 0; i < layer_count; ++i) layers.push_back({(i + 1) % layer_count, i});
  if (!good(kvc_copy_blocks(from.made, to.made, slots.data(), slots.size(), layers.data(), layers.size(), test.stream),
            "copy " + what)) {
    return;
  }
  std::vector<std::uint8_t> expected = poison(b.region_bytes);
  for (const kvc_pair& slot : slots) {
    for (const kvc_pair& layer : layers) {
      const auto reference = naive_gather(a.layout, bytes.data(), layer.from, slot.from);
      scatter_slice(make_slice_plan(b.layout, layer.to), reference.data(), expected.data(), slot.to);
    }
  }
  expect_equal(to_memory.read(test.stream, "copy " + what), expected, "copy " + what);
}

void blocks(const GpuTest& test) {
  std::mt19937 random(14);
  for (const std::uint32_t head_dim : {1, 3, 80, 128}) {
    for (const ElementType element : {ElementType::kF8E4m3, ElementType::kBf16}) {
      Shape shape;
      shape.head_dim = head_dim;
      shape.element = element;
      shape.heads = head_dim == 80 ? 1 : 3;
      shape.planes = static_cast<std::uint8_t>(1 + random() % 2);
      Shape other = shape;
      other.engine_blocks = 3;
      other.engine_block_tokens = 32;
      const auto from = layouts_of(shape, random);
      const auto to = layouts_of(other, random);
      for (const NamedLayout& a : from) {
        for (const NamedLayout& b : to) {
          if (test.quick && random() % 4 != 0) continue;
          check_blocks(test, a, b, random() % 4 == 0 ? 4 : 0, random);
        }
        check_blocks(test, a, a, 0, random);
      }
    }
  }
}

void many_blocks(const GpuTest& test) {
  std::mt19937 random(15);
  Shape shape;
  shape.layers = test.quick ? 3 : 130;  // more than a launch takes
  shape.heads = 2;
  shape.head_dim = 16;
  shape.element = ElementType::kBf16;
  shape.engine_blocks = test.quick ? 300 : 64;
  for (const NamedLayout& a : {nhd(shape), wire_order(shape)}) {
    for (const NamedLayout& b : {nhd(shape), hnd(shape)}) check_blocks(test, a, b, 0, random);
  }
  shape.layers = 1;
  shape.engine_blocks = test.quick ? 1500 : 6000;
  check_blocks(test, nhd(shape), packed(shape), 0, random);
}

void repeated(const GpuTest& test) {
  std::mt19937 random(16);
  Shape shape;
  shape.heads = 8;
  shape.head_dim = 128;
  shape.element = ElementType::kBf16;
  shape.engine_blocks = 32;
  const NamedLayout named = nhd(shape);
  std::size_t wire_bytes = 0;
  const auto slices = all_slices(named, 0, &wire_bytes, random);
  for (int i = 0; i < (test.quick ? 2 : 30); ++i) {
    check_slices(test, named, slices, wire_bytes, Guarded::Kind::kDevice, 0, random);
  }
}

}  // namespace

void run_paged_groups(const GpuTest& test) {
  groups().run("gather and scatter, device", [&] { shapes(test, Guarded::Kind::kDevice); });
  groups().run("gather and scatter, pinned", [&] { shapes(test, Guarded::Kind::kPinned); });
  groups().run("gather and scatter, random layouts", [&] { random_shapes(test); });
  groups().run("gather and scatter, many slices", [&] { many_slices(test); });
  groups().run("gather and scatter, repeated", [&] { repeated(test); });
  groups().run("copy blocks", [&] { blocks(test); });
  groups().run("copy blocks, many", [&] { many_blocks(test); });
}

}  // namespace kvp2p::testing
