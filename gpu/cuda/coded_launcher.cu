#include "gpu/cuda/coded_launcher.h"

#include "gpu/cuda/coded_copy.cuh"
#include "gpu/cuda/kvcache_device.h"
#include "gpu/cuda/kvcache_launch.cuh"

#include <algorithm>
#include <iterator>

namespace kvc {

namespace {

static_assert(sizeof(LargeSlices) + sizeof(Coding) <= 32764, "kernel parameters");

constexpr unsigned kBlocksPerMultiprocessor = 8;
/// As for plain copies: enough to fill PCIe.
constexpr unsigned kHostBlocks = 32;

struct Launch {
  unsigned blocks_max;
  cudaStream_t stream;

  template <class Table>
  kvc_status start(void (*kernel)(Table, Coding), unsigned lanes, const Table& table, const Coding& coding) const {
    const std::uint64_t groups = std::uint64_t{table.head.items.divisor} * coding.slice_groups.divisor;
    const unsigned groups_of_block = kCodedThreads / lanes;
    const std::uint64_t needed = (groups + groups_of_block - 1) / groups_of_block;
    const auto blocks = static_cast<unsigned>(std::min<std::uint64_t>(needed, blocks_max));
    return launch("launching a coded copy", kernel, blocks, kCodedThreads, stream, table, coding);
  }
};

template <bool kEncode, class Table>
struct StartPieces {
  const Launch& launch;
  const Table& table;
  const Coding& coding;
  kvc_status* status;

  template <kvc_codec kCodec, class T>
  void run() const {
    *status = launch.start(code_pieces<kCodec, T, kEncode, Table>, kLanesOfGroup<kCodec, T>, table, coding);
  }
};

template <bool kEncode, class Table>
kvc_status start(const Launch& launch, const Table& table, const Coding& coding) {
  if (!takes_pieces(coding)) return launch.start(code_pairs<kEncode, Table>, 32, table, coding);
  kvc_status status = KVC_OK;
  with_types(coding, StartPieces<kEncode, Table>{launch, table, coding, &status});
  return status;
}

template <class Table>
kvc_status dispatch(Coding coding, const CopyKind& kind, bool encodes, const Launch& launch, const Table& table) {
  set_unit(coding, kind.unit_bytes);
  return encodes ? start<true>(launch, table, coding) : start<false>(launch, table, coding);
}

}  // namespace

CodedLauncher::CodedLauncher(const kvc_region& region, bool encodes, bool host, cudaStream_t stream)
    : coding_(region.coding),
      blocks_max_(host ? kHostBlocks
                       : static_cast<unsigned>(std::max(multiprocessors(region.device), 1)) * kBlocksPerMultiprocessor),
      encodes_(encodes),
      stream_(stream) {}

kvc_status CodedLauncher::launch(const SmallSlices& table, const CopyKind& kind) {
  return dispatch(coding_, kind, encodes_, {blocks_max_, stream_}, table);
}
kvc_status CodedLauncher::launch(const MediumSlices& table, const CopyKind& kind) {
  // Kernels for a third table would take a third of the build's time for these microseconds.
  static_assert(
      MediumSlices::kItemsMax <= LargeSlices::kItemsMax && MediumSlices::kShapesMax <= LargeSlices::kShapesMax,
      "it fits");
  LargeSlices large;
  large.head = table.head;
  std::copy(std::begin(table.shapes), std::end(table.shapes), large.shapes);
  std::copy(std::begin(table.items), std::end(table.items), large.items);
  return launch(large, kind);
}
kvc_status CodedLauncher::launch(const LargeSlices& table, const CopyKind& kind) {
  return dispatch(coding_, kind, encodes_, {blocks_max_, stream_}, table);
}

}  // namespace kvc
