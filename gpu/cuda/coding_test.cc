// What the coding kernels' lanes do, run by the host one lane after the other, against the codec for processors.
#include "codec/head_slice_codec.h"
#include "gpu/cuda/paged_plan.h"
#include "gpu/cuda/testing/coded_memory.h"
#include "gpu/cuda/testing/plans.h"

#include <gtest/gtest.h>

namespace {

using kvp2p::CodedShape;
using kvp2p::testing::NamedLayout;
using kvp2p::testing::Shape;

/// Does what coded_copy.cuh does.
class LaneLauncher final : public kvc::PagedLauncher {
 public:
  LaneLauncher(const kvc_region& region, bool encodes) : coding_(region.coding), encodes_(encodes) {}

  int with_pieces = 0;
  int with_pairs = 0;

  bool has_bulk() const override { return false; }
  kvc_status launch(const kvc::SmallSlices& t, const kvc::CopyKind& k) override { return run(t, k); }
  kvc_status launch(const kvc::MediumSlices& t, const kvc::CopyKind& k) override { return run(t, k); }
  kvc_status launch(const kvc::LargeSlices& t, const kvc::CopyKind& k) override { return run(t, k); }
  kvc_status launch(const kvc::SmallSlots&, const kvc::CopyKind&) override { return KVC_ERROR_ARGUMENT; }
  kvc_status launch(const kvc::MediumSlots&, const kvc::CopyKind&) override { return KVC_ERROR_ARGUMENT; }
  kvc_status launch(const kvc::LargeSlots&, const kvc::CopyKind&) override { return KVC_ERROR_ARGUMENT; }

 private:
  struct Group {
    const kvc::Coding& coding;
    const kvc::Walk& walk;
    const kvc::Chunk& at;
    const kvc::GroupPlace& where;
    bool encodes;

    template <kvc_codec kCodec, class T>
    void run() const {
      if (kvc::takes_pieces(coding)) {
        pieces<kCodec, T>();
      } else {
        pairs<kCodec, T>();
      }
    }
    template <kvc_codec kCodec, class T>
    void pieces() const {
      constexpr unsigned kLanes = kvc::kLanesOfGroup<kCodec, T>;
      std::uint32_t largest = 0;
      for (unsigned lane = 0; lane < kLanes && encodes; ++lane) {
        largest = std::max(largest, kvc::largest_magnitude(kvc::load_piece<T>(coding, walk, at.from, where, lane)));
      }
      const std::uint16_t scale = kvc::coding::scale_of(largest, kvc::CodecOf<kCodec>::kLargest);
      for (unsigned lane = 0; lane < kLanes; ++lane) {
        if (encodes) {
          kvc::store_coded_piece<kCodec, T>(kvc::load_piece<T>(coding, walk, at.from, where, lane), scale, at.to, where,
                                            lane);
        } else {
          kvc::decode_one_piece<kCodec, T>(coding, walk, at.from, at.to, where, lane);
        }
      }
    }
    template <kvc_codec kCodec, class T>
    void pairs() const {
      std::uint32_t largest = 0;
      for (unsigned lane = 0; lane < 32 && encodes; ++lane) {
        largest = std::max(largest, kvc::largest_magnitude(kvc::load_pair<T>(coding, walk, at.from, where, lane)));
      }
      const std::uint16_t scale = kvc::coding::scale_of(largest, kvc::CodecOf<kCodec>::kLargest);
      for (unsigned lane = 0; lane < 32; ++lane) {
        if (encodes) {
          kvc::store_coded_pair<kCodec, T>(kvc::load_pair<T>(coding, walk, at.from, where, lane), scale, at.to, where,
                                           lane);
        } else {
          kvc::decode_one_pair<kCodec, T>(coding, walk, at.from, at.to, where, lane);
        }
      }
    }
  };

  template <class Table>
  kvc_status run(const Table& table, const kvc::CopyKind& kind) {
    kvc::Coding coding = coding_;
    kvc::set_unit(coding, kind.unit_bytes);
    ++(kvc::takes_pieces(coding) ? with_pieces : with_pairs);
    const std::uint32_t groups = table.head.items.divisor * coding.slice_groups.divisor;
    for (std::uint32_t group = 0; group < groups; ++group) {
      const std::uint32_t slice = coding.slice_groups.quotient(group);
      kvc::Chunk at;
      kvc::place(table.head, table.items[slice], at);
      const kvc::GroupPlace where = kvc::place_group(coding, group - slice * coding.slice_groups.divisor);
      const kvc::Shape& shape = table.shapes[at.shape];
      kvc::with_types(coding, Group{coding, encodes_ ? shape.from : shape.to, at, where, encodes_});
    }
    return KVC_OK;
  }

  const kvc::Coding coding_;
  const bool encodes_;
};

struct Launches {
  int pieces = 0;
  int pairs = 0;
  int refused = 0;
};

/// Every slice there and back, `gap` bytes apart on the wire.
void check_layout(const NamedLayout& named, std::size_t gap, std::mt19937& random, Launches& launches) {
  SCOPED_TRACE(named.name + " " + std::string(name_of(named.layout.format.codec)) + " of " +
               std::string(name_of(named.layout.format.element)) + " head_dim " +
               std::to_string(named.layout.format.head_dim));
  auto memory = kvp2p::testing::coded_memory(named, random);
  const auto plans = kvp2p::testing::plans_of(named.layout);
  kvc_region region;
  ASSERT_STREQ(kvc::fill_region(memory.size(), plans.data(), static_cast<std::uint32_t>(plans.size()),
                                named.layout.slots(), &region),
               nullptr);
  region.start = memory.data();
  const kvp2p::ObjectFormat& format = named.layout.format;
  if (const char* reason =
          kvc::fill_coding(static_cast<kvc_codec>(format.codec), static_cast<kvc_element>(format.element),
                           format.head_dim, static_cast<std::uint32_t>(format.rows()), &region)) {
    EXPECT_STREQ(reason, "elements are not aligned to their own size");
    ++launches.refused;
    return;
  }
  ASSERT_EQ(region.wire_slice_bytes, format.layer_slice_bytes());
  std::vector<kvc_slice> slices;
  for (std::uint32_t slot = 0; slot < named.layout.slots(); ++slot) {
    for (std::uint32_t layer = 0; layer < format.shard.layers(); ++layer) {
      slices.push_back({slot, layer, slices.size() * (format.layer_slice_bytes() + gap)});
    }
  }
  std::vector<std::uint8_t> wire(slices.size() * (format.layer_slice_bytes() + gap), 0xcd), expected = wire;
  ASSERT_EQ(kvc::check_slices(region, slices.data(), slices.size(), wire.size()), KVC_OK);
  EXPECT_NE(kvc::check_slices(region, slices.data(), slices.size(), wire.size() - gap - 1), KVC_OK);
  LaneLauncher encode(region, true);
  ASSERT_EQ(kvc::plan_gather(region, slices.data(), slices.size(), wire.data(), encode), KVC_OK);
  for (const kvc_slice& slice : slices) {
    kvp2p::encode_head_slices(CodedShape::of(format),
                              kvp2p::testing::naive_gather(named.layout, memory.data(), slice.layer, slice.slot),
                              {expected.data() + slice.offset, format.layer_slice_bytes()});
  }
  ASSERT_EQ(wire, expected);

  std::vector<std::uint8_t> back(memory.size(), 0xa5), back_expected = back;
  region.start = back.data();
  LaneLauncher decode(region, false);
  ASSERT_EQ(kvc::plan_scatter(region, slices.data(), slices.size(), wire.data(), decode), KVC_OK);
  std::vector<std::uint8_t> engine(format.engine_layer_slice_bytes());
  for (const kvc_slice& slice : slices) {
    kvp2p::decode_head_slices(CodedShape::of(format), {wire.data() + slice.offset, format.layer_slice_bytes()}, engine);
    scatter_slice(kvp2p::make_slice_plan(named.layout, slice.layer), engine.data(), back_expected.data(), slice.slot);
  }
  ASSERT_EQ(back, back_expected);
  launches.pieces += encode.with_pieces + decode.with_pieces;
  launches.pairs += encode.with_pairs + decode.with_pairs;
}

TEST(Coding, LanesCodeAsTheProcessorDoes) {
  std::mt19937 random(7);
  Launches launches;
  for (const kvp2p::Codec codec : {kvp2p::Codec::kInt8, kvp2p::Codec::kFp8, kvp2p::Codec::kInt4}) {
    for (const auto element : {kvp2p::ElementType::kF32, kvp2p::ElementType::kF16, kvp2p::ElementType::kBf16}) {
      for (const std::uint32_t head_dim : {1, 3, 7, 33, 64, 72, 80, 127, 128, 192}) {
        Shape shape;
        shape.codec = codec;
        shape.element = element;
        shape.head_dim = head_dim;
        shape.heads = 1 + random() % 3;
        shape.engine_blocks = 2;
        shape.engine_block_tokens = 16 << random() % 2;
        shape.planes = static_cast<std::uint8_t>(1 + random() % 2);
        check_layout(kvp2p::testing::nhd(shape), 0, random, launches);
        check_layout(kvp2p::testing::hnd(shape), random() % 3 * 16, random, launches);
        check_layout(kvp2p::testing::packed(shape), random() % 2, random, launches);
        check_layout(kvp2p::testing::wire_order(shape), 0, random, launches);
        check_layout(kvp2p::testing::random_layout(shape, random), random() % 20, random, launches);
      }
    }
  }
  EXPECT_GT(launches.pieces, 100);
  EXPECT_GT(launches.pairs, 100);
}

TEST(Coding, WhatDoesNotFitIsRefused) {
  Shape shape;
  shape.element = kvp2p::ElementType::kBf16;
  shape.head_dim = 64;
  const NamedLayout named = kvp2p::testing::nhd(shape);
  const auto plans = kvp2p::testing::plans_of(named.layout);
  kvc_region region;
  ASSERT_STREQ(kvc::fill_region(named.region_bytes, plans.data(), static_cast<std::uint32_t>(plans.size()),
                                named.layout.slots(), &region),
               nullptr);
  const auto refused = [&](int codec, int element, std::uint32_t head_dim, std::uint32_t rows) {
    return kvc::fill_coding(static_cast<kvc_codec>(codec), static_cast<kvc_element>(element), head_dim, rows,
                            &region) != nullptr &&
           region.wire_slice_bytes == region.slice_bytes && region.coding.codec == KVC_CODEC_NONE;
  };
  EXPECT_FALSE(refused(KVC_CODEC_INT8, KVC_BF16, 64, 32));
  EXPECT_TRUE(refused(4, KVC_BF16, 64, 32));
  EXPECT_TRUE(refused(KVC_CODEC_INT8, KVC_F8_E4M3, 64, 32));
  EXPECT_TRUE(refused(KVC_CODEC_INT8, KVC_BF16, 0, 32));
  EXPECT_TRUE(refused(KVC_CODEC_INT8, KVC_BF16, 64, 0));
  EXPECT_TRUE(refused(KVC_CODEC_INT8, KVC_BF16, 65, 32)) << "no whole heads";
  EXPECT_TRUE(refused(KVC_CODEC_INT8, KVC_BF16, 128, 16)) << "no whole rows";
  EXPECT_TRUE(refused(KVC_CODEC_INT8, KVC_BF16, 0xffffffff, 0xffffffff));
  region.start = reinterpret_cast<std::uint8_t*>(0x1001);
  EXPECT_TRUE(refused(KVC_CODEC_INT8, KVC_BF16, 64, 32)) << "misaligned";
  region.start = nullptr;
  EXPECT_FALSE(refused(KVC_CODEC_NONE, KVC_BF16, 0, 0));
}

}  // namespace
