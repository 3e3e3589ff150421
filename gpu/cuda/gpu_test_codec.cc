// Coded gather and scatter against the codec for processors, bit for bit.
#include "codec/head_slice_codec.h"
#include "gpu/cuda/kvcache_gpu_test.h"
#include "gpu/cuda/testing/coded_memory.h"
#include "gpu/cuda/testing/plans.h"

#include <algorithm>

namespace kvp2p::testing {

namespace {

using Bytes = std::vector<std::uint8_t>;

kvc_region* coded_region(const NamedLayout& named, const Guarded& memory) {
  const std::vector<kvc_slice_plan> plans = plans_of(named.layout);
  const ObjectFormat& format = named.layout.format;
  kvc_region* region = nullptr;
  good(kvc_region_create(0, memory.start(), named.region_bytes, plans.data(), static_cast<std::uint32_t>(plans.size()),
                         named.layout.slots(), &region),
       "region");
  if (region != nullptr) {
    good(kvc_region_set_codec(region, static_cast<kvc_codec>(format.codec), static_cast<kvc_element>(format.element),
                              format.head_dim, static_cast<std::uint32_t>(format.rows())),
         "codec of " + named.name);
  }
  return region;
}

void check_layout(const GpuTest& test, const NamedLayout& named, Guarded::Kind kind, std::size_t gap,
                  std::size_t misaligned, std::mt19937& random) {
  const ObjectFormat& format = named.layout.format;
  const std::string what = named.name + " " + std::string(name_of(format.codec)) + " of " +
                           std::string(name_of(format.element)) + " head_dim " + std::to_string(format.head_dim) +
                           " gap " + std::to_string(gap) + " +" + std::to_string(misaligned);
  const Bytes bytes = coded_memory(named, random);
  Guarded memory(Guarded::Kind::kDevice, bytes.size());
  memory.write(bytes);
  std::vector<kvc_slice> slices;
  const std::size_t step = format.layer_slice_bytes() + gap;
  for (std::uint32_t slot = 0; slot < named.layout.slots(); ++slot) {
    for (std::uint32_t layer = 0; layer < format.shard.layers(); ++layer) {
      slices.push_back({slot, layer, slices.size() * step});
    }
  }
  const std::size_t wire_bytes = slices.size() * step;
  Guarded wire(kind, wire_bytes, misaligned);
  kvc_region* region = coded_region(named, memory);
  if (region == nullptr) return;
  good(kvc_gather(region, slices.data(), slices.size(), wire.start(), wire_bytes, test.stream), "gather " + what);
  Bytes expected(wire_bytes, Guarded::kPoison);
  for (const kvc_slice& slice : slices) {
    encode_head_slices(CodedShape::of(format), naive_gather(named.layout, bytes.data(), slice.layer, slice.slot),
                       {expected.data() + slice.offset, format.layer_slice_bytes()});
  }
  expect_equal(wire.read(test.stream, "gather " + what), expected, "gather " + what);
  kvc_region_destroy(region);

  Guarded back(Guarded::Kind::kDevice, bytes.size());
  Guarded source(kind, wire_bytes, misaligned);
  source.write(expected);
  region = coded_region(named, back);
  if (region == nullptr) return;
  good(kvc_scatter(region, slices.data(), slices.size(), source.start(), wire_bytes, test.stream), "scatter " + what);
  Bytes back_expected(bytes.size(), Guarded::kPoison), engine(format.engine_layer_slice_bytes());
  for (const kvc_slice& slice : slices) {
    decode_head_slices(CodedShape::of(format), {expected.data() + slice.offset, format.layer_slice_bytes()}, engine);
    scatter_slice(make_slice_plan(named.layout, slice.layer), engine.data(), back_expected.data(), slice.slot);
  }
  expect_equal(back.read(test.stream, "scatter " + what), back_expected, "scatter " + what);
  kvc_region_destroy(region);
}

void check_codec(const GpuTest& test, Codec codec, std::mt19937& random) {
  for (const ElementType element : {ElementType::kF32, ElementType::kF16, ElementType::kBf16}) {
    for (const std::uint32_t head_dim : {1, 7, 33, 64, 72, 80, 96, 127, 128, 192, 256}) {
      if (test.quick && head_dim % 64 != 0 && head_dim != 7 && head_dim != 72) continue;
      Shape shape;
      shape.codec = codec;
      shape.element = element;
      shape.head_dim = head_dim;
      shape.heads = 1 + random() % 8;
      shape.engine_blocks = 3;
      shape.engine_block_tokens = 16 << (random() % 3);
      shape.planes = static_cast<std::uint8_t>(1 + random() % 2);
      for (const NamedLayout& named : {nhd(shape), hnd(shape), packed(shape), wire_order(shape)}) {
        check_layout(test, named, Guarded::Kind::kDevice, 0, 0, random);
        check_layout(test, named, Guarded::Kind::kDevice, random() % 17, random() % 16, random);
        check_layout(test, named, Guarded::Kind::kPinned, 0, 0, random);
      }
    }
  }
  // More slices than one launch takes.
  Shape many;
  many.codec = codec;
  many.element = ElementType::kBf16;
  many.head_dim = 64;
  many.heads = 2;
  many.engine_blocks = test.quick ? 300 : 2500;
  check_layout(test, nhd(many), Guarded::Kind::kDevice, 0, 0, random);
}

}  // namespace

void run_codec_groups(const GpuTest& test) {
  for (const Codec codec : {Codec::kInt8, Codec::kFp8, Codec::kInt4}) {
    groups().run("codec " + std::string(name_of(codec)), [&] {
      std::mt19937 random(41);
      check_codec(test, codec, random);
    });
  }
}

}  // namespace kvp2p::testing
