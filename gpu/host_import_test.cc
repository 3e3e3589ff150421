// Regions of one connector, opened and read in place by another: every pair of layouts, and exports that lie.
#include "gpu/error.h"
#include "gpu/host_connector.h"
#include "gpu/testing/engine_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <future>

namespace kvp2p {
namespace {

using testing::EngineMemory;
using testing::kPoison;
using testing::naive_gather;
using testing::NamedLayout;
using testing::Shape;

class HostImportTest : public ::testing::Test {
 protected:
  /// The region as another process would be given it.
  static RegionExport exported(HostConnector& owner, RegionId region) {
    auto made = owner.export_region(region);
    EXPECT_TRUE(made);
    return std::move(*made);
  }
  std::future<base::Result<>> start(ImportId from, RegionId to, std::vector<IndexPair> slots,
                                    std::vector<IndexPair> layers, ReadyEvent ready = {}) {
    auto promise = std::make_shared<std::promise<base::Result<>>>();
    auto future = promise->get_future();
    reader_.copy_direct(from, to, std::move(slots), std::move(layers), ready,
                        [promise](base::Result<> outcome) { promise->set_value(outcome); });
    return future;
  }
  static void fill(EngineMemory& memory, std::uint32_t seed) {
    std::mt19937 random(seed);
    for (auto& byte : memory.bytes()) byte = static_cast<std::uint8_t>(random());
  }
  /// Copies, and compares every byte of the target with what was asked for: the rest is untouched.
  void expect_copied(const NamedLayout& a, const NamedLayout& b, const std::vector<IndexPair>& slots,
                     const std::vector<IndexPair>& layers);

  HostConnector owner_{"test", 1};
  HostConnector reader_{"test", 2};
};

void HostImportTest::expect_copied(const NamedLayout& a, const NamedLayout& b, const std::vector<IndexPair>& slots,
                                   const std::vector<IndexPair>& layers) {
  SCOPED_TRACE(a.name + " to " + b.name);
  EngineMemory from(a, true);
  EngineMemory to(b);
  fill(from, 7);
  std::vector<std::uint8_t> wanted(to.bytes().begin(), to.bytes().end());
  const auto& format = b.layout.format;
  for (const auto& slot : slots) {
    for (const auto& layer : layers) {
      const auto slice = naive_gather(a.layout, from.bytes().data(), layer.from, slot.from);
      const std::uint8_t* at = slice.data();
      for (std::uint32_t head = 0; head < format.shard.heads(); ++head) {
        for (std::uint32_t plane = 0; plane < format.planes; ++plane) {
          for (std::uint32_t token = 0; token < kBlockTokens; ++token) {
            const std::size_t row = format.head_dim * element_bytes(format.element);
            std::memcpy(&wanted[testing::element_offset(b.layout, layer.to, slot.to, head, plane, token, 0)], at, row);
            at += row;
          }
        }
      }
    }
  }
  const RegionId source = *owner_.register_region(from.as_region(), a.layout);
  const RegionId target = *reader_.register_region(to.as_region(), b.layout);
  auto import = reader_.import_region(exported(owner_, source));
  ASSERT_TRUE(import) << import.error().message();
  EXPECT_EQ(*reader_.link_of(*import), DirectLink::kSharedMemory);
  ASSERT_TRUE(start(*import, target, slots, layers).get());
  EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), to.bytes().begin()));
  reader_.close_import(*import);
  reader_.unregister_region(target);
  owner_.unregister_region(source);
}

TEST_F(HostImportTest, EveryPairOfLayouts) {
  for (const Shape& shape : {Shape{}, Shape{.layers = 3, .heads = 1, .head_dim = 7, .element = ElementType::kF8E4m3},
                             Shape{.heads = 2, .engine_block_tokens = 64, .element = ElementType::kBf16},
                             Shape{.head_dim = 5, .element = ElementType::kF16, .planes = 1}}) {
    std::vector<NamedLayout> layouts = {testing::nhd(shape), testing::hnd(shape), testing::wire_order(shape)};
    if (shape.planes == 2) layouts.push_back(testing::packed(shape));
    std::mt19937 random(3);
    layouts.push_back(testing::random_layout(shape, random));
    for (const auto& a : layouts) {
      for (const auto& b : layouts) {
        expect_copied(a, b, {{0, 3}, {1, 0}, {2, 1}}, {{0, 0}, {1, 1}});
      }
    }
  }
}

TEST_F(HostImportTest, RandomLayoutsSlotsAndLayers) {
  std::mt19937 random(11);
  for (int i = 0; i < 60; ++i) {
    const Shape shape = testing::random_shape(random);
    const auto a = testing::random_layout(shape, random);
    const auto b = testing::random_layout(shape, random);
    std::vector<IndexPair> slots, layers;
    // Each of the target's at most once; any of the source's, also twice.
    for (std::uint32_t to = 0; to < b.layout.slots(); ++to) {
      if (random() % 2 == 0) slots.push_back({static_cast<std::uint32_t>(random() % a.layout.slots()), to});
    }
    for (std::uint32_t to = 0; to < shape.layers; ++to) {
      if (random() % 2 == 0) layers.push_back({static_cast<std::uint32_t>(random() % shape.layers), to});
    }
    expect_copied(a, b, slots, layers);
  }
}

TEST_F(HostImportTest, LayersOfAnotherRange) {
  // The target holds layers 1 and 2 of the source's 0 to 2.
  const NamedLayout a = testing::nhd({.layers = 3});
  NamedLayout b = testing::hnd({.layers = 2});
  b.layout.format.shard.layer_begin = 1;
  b.layout.format.shard.layer_end = 3;
  expect_copied(a, b, {{3, 0}}, {{1, 0}, {2, 1}});
}

TEST_F(HostImportTest, ExportsThatLieAreNotOpened) {
  EngineMemory memory(testing::nhd({}), true);
  const RegionId region = *owner_.register_region(memory.as_region(), memory.layout());
  const auto opened = [&](const std::function<void(RegionExport&)>& change) {
    RegionExport made = exported(owner_, region);
    change(made);
    auto import = reader_.import_region(std::move(made));
    if (import) reader_.close_import(*import);
    return import.has_value();
  };
  const auto memfd = [](std::size_t bytes, int seals) {
    base::UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
    EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
    return fd;
  };
  const std::size_t bytes = memory.bytes().size();
  EXPECT_TRUE(opened([](RegionExport&) {}));
  EXPECT_TRUE(opened([&](RegionExport& e) { e.pieces[0].fd = memfd(bytes, F_SEAL_SHRINK); }));
  EXPECT_FALSE(opened([&](RegionExport& e) { e.pieces[0].fd = memfd(bytes, 0); })) << "unsealed";
  EXPECT_FALSE(opened([&](RegionExport& e) { e.pieces[0].fd = memfd(bytes, F_SEAL_GROW); })) << "it can shrink";
  EXPECT_FALSE(opened([&](RegionExport& e) { e.pieces[0].fd = memfd(bytes - 1, F_SEAL_SHRINK); })) << "too small";
  EXPECT_FALSE(opened([](RegionExport& e) { e.pieces[0].fd.reset(::open("/dev/zero", O_RDONLY | O_CLOEXEC)); }));
  EXPECT_FALSE(opened([](RegionExport& e) { e.pieces[0].fd.reset(); })) << "no descriptor";
  EXPECT_FALSE(opened([](RegionExport& e) { e.pieces.clear(); }));
  EXPECT_FALSE(opened([](RegionExport& e) { e.pieces.emplace_back(); })) << "several pieces";
  EXPECT_FALSE(opened([](RegionExport& e) { e.kind = ExportKind::kCudaIpc; }));
  EXPECT_FALSE(opened([](RegionExport& e) { e.kind = ExportKind::kCudaVirtual; }));
  EXPECT_FALSE(opened([](RegionExport& e) { e.offset = 1; })) << "it reaches past the end";
  EXPECT_FALSE(opened([](RegionExport& e) { e.offset = UINT64_MAX; }));
  EXPECT_FALSE(opened([&](RegionExport& e) { e.offset = UINT64_MAX - bytes + 1; })) << "the sum is 0";
  EXPECT_FALSE(opened([](RegionExport& e) { e.bytes = 0; }));
  EXPECT_FALSE(opened([](RegionExport& e) { e.bytes = UINT64_MAX; }));
  EXPECT_FALSE(opened([](RegionExport& e) { e.bytes -= 1; })) << "the layout does not fit";
  EXPECT_FALSE(opened([](RegionExport& e) { e.layout.block_stride = SIZE_MAX / 2; }));
  EXPECT_FALSE(opened([](RegionExport& e) { e.layout.layers[1].v += 1; }));
  EXPECT_FALSE(opened([](RegionExport& e) { e.layout.layers.clear(); }));
  EXPECT_FALSE(opened([](RegionExport& e) { e.layout.engine_blocks = UINT32_MAX; }));
}

TEST_F(HostImportTest, MemoryThatCannotBeSharedIsNotExported) {
  EngineMemory memory(testing::nhd({}));
  const RegionId region = *owner_.register_region(memory.as_region(), memory.layout());
  EXPECT_EQ(owner_.export_region(region).error(), GpuError::kNotShareable);
  EXPECT_EQ(owner_.export_region(RegionId{99}).error(), GpuError::kUnknownRegion);
}

TEST_F(HostImportTest, CopiesThatDoNotFitFailWithoutTouchingMemory) {
  EngineMemory from(testing::nhd({}), true);
  EngineMemory to(testing::hnd({}));
  const RegionId source = *owner_.register_region(from.as_region(), from.layout());
  const RegionId target = *reader_.register_region(to.as_region(), to.layout());
  const ImportId import = *reader_.import_region(exported(owner_, source));
  const auto run = [&](ImportId a, RegionId b, IndexPair slot, IndexPair layer) {
    return start(a, b, {{0, 0}, slot}, {{0, 0}, layer}).get().error();
  };
  EXPECT_EQ(run(import, target, {4, 0}, {0, 0}), GpuError::kSlotOutOfRange);
  EXPECT_EQ(run(import, target, {0, 4}, {0, 0}), GpuError::kSlotOutOfRange);
  EXPECT_EQ(run(import, target, {0, 0}, {2, 0}), GpuError::kLayerOutOfRange);
  EXPECT_EQ(run(import, target, {0, 0}, {0, UINT32_MAX}), GpuError::kLayerOutOfRange);
  EXPECT_EQ(run(ImportId{99}, target, {0, 0}, {0, 0}), GpuError::kUnknownImport);
  EXPECT_EQ(run(import, RegionId{99}, {0, 0}, {0, 0}), GpuError::kUnknownRegion);
  EXPECT_EQ(reader_.link_of(ImportId{99}).error(), GpuError::kUnknownImport);
  reader_.close_import(ImportId{99});
  for (const Shape& other : {Shape{.heads = 2}, Shape{.head_dim = 16}, Shape{.element = ElementType::kF16},
                             Shape{.head_dim = 16, .element = ElementType::kF16}, Shape{.planes = 1}}) {
    EngineMemory different(testing::nhd(other), true);
    const RegionId region = *owner_.register_region(different.as_region(), different.layout());
    const ImportId mismatched = *reader_.import_region(exported(owner_, region));
    EXPECT_EQ(run(mismatched, target, {0, 0}, {0, 0}), GpuError::kFormatMismatch);
    reader_.close_import(mismatched);
    EXPECT_EQ(reader_.link_of(mismatched).error(), GpuError::kUnknownImport);
  }
  for (Slot slot = 0; slot < 4; ++slot) EXPECT_TRUE(to.is_poisoned(slot));
}

TEST_F(HostImportTest, TheMappingStaysWhateverTheOwnerDoes) {
  auto from = std::make_unique<EngineMemory>(testing::nhd({}), true);
  EngineMemory to(testing::nhd({}));
  fill(*from, 1);
  const auto wanted = naive_gather(from->layout(), from->bytes().data(), 1, 2);
  const RegionId source = *owner_.register_region(from->as_region(), from->layout());
  const RegionId target = *reader_.register_region(to.as_region(), to.layout());
  const ImportId import = *reader_.import_region(exported(owner_, source));
  owner_.unregister_region(source);
  from.reset();
  ASSERT_TRUE(start(import, target, {{2, 0}}, {{1, 1}}).get());
  EXPECT_EQ(naive_gather(to.layout(), to.bytes().data(), 1, 0), wanted);
}

TEST_F(HostImportTest, TheSameConnectorMayReadItsOwnRegion) {
  EngineMemory from(testing::nhd({}), true);
  EngineMemory to(testing::packed({}), true);
  fill(from, 2);
  const RegionId source = *reader_.register_region(from.as_region(), from.layout());
  const RegionId target = *reader_.register_region(to.as_region(), to.layout());
  const ImportId import = *reader_.import_region(exported(reader_, source));
  ASSERT_TRUE(start(import, target, {{1, 2}}, {{0, 0}}).get());
  EXPECT_EQ(naive_gather(to.layout(), to.bytes().data(), 0, 2), naive_gather(from.layout(), from.bytes().data(), 0, 1));
}

TEST_F(HostImportTest, CloseFailsWhatWaitsAndLetsTheRestGoOn) {
  EngineMemory from(testing::nhd({}), true);
  EngineMemory to(testing::nhd({}));
  const RegionId source = *owner_.register_region(from.as_region(), from.layout());
  const RegionId target = *reader_.register_region(to.as_region(), to.layout());
  const ImportId closed = *reader_.import_region(exported(owner_, source));
  const ImportId open = *reader_.import_region(exported(owner_, source));
  auto event = std::make_shared<HostEvent>();
  auto waiting = start(closed, target, {{0, 0}}, {{0, 0}}, ReadyEvent{event, nullptr});
  auto behind = start(open, target, {{1, 1}}, {{0, 0}});
  reader_.close_import(closed);
  EXPECT_EQ(waiting.get().error(), GpuError::kUnknownImport);
  EXPECT_TRUE(behind.get());
  EXPECT_TRUE(to.is_poisoned(0));
  EXPECT_EQ(start(closed, target, {{0, 0}}, {{0, 0}}).get().error(), GpuError::kUnknownImport);
  event->signal();
}

TEST_F(HostImportTest, CloseWaitsForCopiesUnderWay) {
  EngineMemory from(testing::nhd({.layers = 8, .heads = 8, .head_dim = 64, .engine_blocks = 64}), true);
  EngineMemory to(testing::hnd({.layers = 8, .heads = 8, .head_dim = 64, .engine_blocks = 64}));
  const RegionId source = *owner_.register_region(from.as_region(), from.layout());
  const RegionId target = *reader_.register_region(to.as_region(), to.layout());
  std::vector<IndexPair> slots, layers;
  for (std::uint32_t i = 0; i < 64; ++i) slots.push_back({i, i});
  for (std::uint32_t i = 0; i < 8; ++i) layers.push_back({i, i});
  for (int i = 0; i < 20; ++i) {
    const ImportId import = *reader_.import_region(exported(owner_, source));
    auto one = start(import, target, slots, layers);
    auto two = start(import, target, slots, layers);
    reader_.close_import(import);  // a copy that went on would read what is no longer mapped
    const auto first = one.get();
    const auto second = two.get();
    EXPECT_TRUE(first || first.error() == GpuError::kUnknownImport);
    EXPECT_TRUE(second || second.error() == GpuError::kUnknownImport);
  }
}

/// The last user of an import may learn of its copy's end, and let go of it, in that very call.
TEST_F(HostImportTest, AnImportIsClosedFromInsideACompletion) {
  EngineMemory from(testing::nhd({}), true);
  EngineMemory to(testing::nhd({}));
  const RegionId source = *owner_.register_region(from.as_region(), from.layout());
  const RegionId target = *reader_.register_region(to.as_region(), to.layout());
  const ImportId import = *reader_.import_region(exported(owner_, source));
  std::promise<base::Result<>> done;
  reader_.copy_direct(import, target, {{0, 0}}, {{0, 0}}, {}, [&](base::Result<> outcome) {
    reader_.close_import(import);
    done.set_value(outcome);
  });
  EXPECT_TRUE(done.get_future().get());
  EXPECT_EQ(reader_.link_of(import).error(), GpuError::kUnknownImport);
}

}  // namespace
}  // namespace kvp2p
