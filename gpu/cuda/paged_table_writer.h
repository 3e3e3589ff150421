// Fills one table and hands it over when it is full.
#pragma once

#include "gpu/cuda/paged_plan.h"

#include <algorithm>
#include <cstring>

namespace kvc {

template <class Table>
class TableWriter {
 public:
  using Item = typename Table::Item;

  TableWriter(std::uint64_t slice_bytes, std::uint32_t unit, const std::uint8_t* from_base, std::uint8_t* to_base,
              PagedLauncher& launcher)
      : slice_bytes_(slice_bytes), unit_(unit), launcher_(launcher) {
    table_.head.from_base = from_base;
    table_.head.to_base = to_base;
    table_.head.units_per_slice = static_cast<std::uint32_t>(slice_bytes / unit);
    forget_shapes();
  }

  /// The shape's index in the table; -1: the table has no room for one more. A null side is in wire order.
  int shape(const kvc_region::LayerShape* from, const kvc_region::LayerShape* to) {
    for (std::uint32_t i = shapes_; i > 0; --i) {
      if (shape_keys_[i - 1].from == from && shape_keys_[i - 1].to == to) return static_cast<int>(i - 1);
    }
    if (shapes_ == Table::kShapesMax) return -1;
    shape_keys_[shapes_] = {from, to};
    Shape& made = table_.shapes[shapes_];
    const bool alike = from != nullptr && to != nullptr && equal(*from, *to);
    if (alike) {
      const kvc_region::LayerShape merged = longest_runs(*from);
      made.from = made.to = make_walk(merged, unit_);
      same_walks_ = same_walks_ || merged.run_bytes != slice_bytes_;
    } else {
      made.from = from ? make_walk(*from, unit_) : make_wire_walk(slice_bytes_, unit_);
      made.to = to ? make_walk(*to, unit_) : make_wire_walk(slice_bytes_, unit_);
      from_walks_ = from_walks_ || made.from.run.divisor != table_.head.units_per_slice;
      to_walks_ = to_walks_ || made.to.run.divisor != table_.head.units_per_slice;
    }
    bulk_ = bulk_ && in_bulk(made.from) && in_bulk(made.to);
    return static_cast<int>(shapes_++);
  }

  bool layers_full() const { return layers_ == Table::kLayersMax; }
  void add_layer(std::uint64_t from, std::uint64_t to, int shape_index) {
    table_.layers[layers_++] = {from, to, static_cast<std::uint32_t>(shape_index)};
  }
  void slot_rules(const SlotRule& from, const SlotRule& to) {
    table_.head.from_slots = from;
    table_.head.to_slots = to;
  }

  /// Chunks stay below 2^30, which the divisions in the kernel count on.
  std::uint32_t items_max() const {
    const std::uint64_t chunks_per_item = std::uint64_t{chunks_per_slice(kUnitsPerChunk)} * std::max(layers_, 1u);
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(Table::kItemsMax, (std::uint64_t{1} << 30) / chunks_per_item));
  }
  std::uint32_t items() const { return items_; }
  void add_item(const Item& item) { table_.items[items_++] = item; }
  /// REQUIRES: Item is SlotItem, which is a kvc_pair by another name.
  void add_items(const kvc_pair* pairs, std::size_t count) {
    static_assert(sizeof(Item) == sizeof(kvc_pair), "slots");
    std::memcpy(table_.items + items_, pairs, count * sizeof(Item));
    items_ += static_cast<std::uint32_t>(count);
  }

  /// Launches the items so far; layers and shapes stay.
  kvc_status flush_items() {
    if (items_ == 0 || layers_ == 0) return KVC_OK;
    table_.head.units_per_chunk = bulk_ ? kBulkBytes / unit_ : kUnitsPerChunk;
    const std::uint32_t chunks = chunks_per_slice(table_.head.units_per_chunk);
    table_.head.chunks_per_slice = divide_by(chunks);
    table_.head.items = divide_by(items_);
    table_.head.chunks = chunks * items_ * layers_;
    items_ = 0;
    return launcher_.launch(table_, {mode(), unit_, bulk_});
  }
  void forget_layers() { layers_ = 0; }
  void forget_shapes() {
    shapes_ = 0;
    from_walks_ = to_walks_ = same_walks_ = false;
    bulk_ = launcher_.has_bulk() && unit_ == 16 && slice_bytes_ % kBulkBytes == 0;
  }

 private:
  struct ShapeKey {
    const kvc_region::LayerShape* from;
    const kvc_region::LayerShape* to;
  };

  static bool equal(const kvc_region::LayerShape& a, const kvc_region::LayerShape& b) {
    return a.run_bytes == b.run_bytes &&
           std::equal(a.loops, a.loops + 3, b.loops,
                      [](const kvc_loop& x, const kvc_loop& y) { return x.count == y.count && x.stride == y.stride; });
  }

  /// Chunks are made of whole runs, or runs of whole chunks.
  bool in_bulk(const Walk& walk) const {
    const std::uint64_t run = std::uint64_t{walk.run.divisor} * unit_;
    return run >= kBulkRunBytesMin && (run % kBulkBytes == 0 || kBulkBytes % run == 0);
  }

  std::uint32_t chunks_per_slice(std::uint32_t units) const {
    return (table_.head.units_per_slice + units - 1) / units;
  }

  CopyMode mode() const {
    if (!from_walks_ && !to_walks_) return same_walks_ ? CopyMode::kSameWalk : CopyMode::kPlain;
    if (same_walks_ || (from_walks_ && to_walks_)) return CopyMode::kBothWalk;
    return from_walks_ ? CopyMode::kFromWalks : CopyMode::kToWalks;
  }

  std::uint64_t slice_bytes_;
  std::uint32_t unit_;
  PagedLauncher& launcher_;
  std::uint32_t shapes_ = 0;
  std::uint32_t layers_ = 0;
  std::uint32_t items_ = 0;
  bool from_walks_ = false;
  bool to_walks_ = false;
  bool same_walks_ = false;
  bool bulk_ = false;
  ShapeKey shape_keys_[Table::kShapesMax];
  Table table_;
};

}  // namespace kvc
