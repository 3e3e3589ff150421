// An engine's paged KV cache whose content can be told from any other. For tests.
#pragma once

#include "gpu/shared_memory.h"
#include "gpu/testing/layouts.h"
#include "kv/block_key.h"

#include <span>

namespace kvp2p::testing {

/// Poison of memory that nothing was written to.
inline constexpr std::uint8_t kPoison = 0xA5;

/// What the layer of a block with this key holds in the engine, in wire order: every byte depends on key, layer and
/// place. Where the format has a codec, all elements are finite.
std::vector<std::uint8_t> slice_content(const BlockKey& key, std::uint32_t layer, const ObjectFormat& format);

/// Not thread-safe. `layer` is the region's; content is that of the model's layer.
class EngineMemory {
 public:
  /// `shared`: in a memfd, so that other processes can read it in place.
  explicit EngineMemory(NamedLayout layout, bool shared = false);

  /// "Computes" a block: writes its content to the slot.
  void compute(const BlockKey& key, Slot slot);
  bool holds(const BlockKey& key, std::uint32_t layer, Slot slot) const;
  bool holds(const BlockKey& key, Slot slot) const;
  /// What comes of the content when it is coded and decoded. REQUIRES: a format with a codec.
  bool holds_decoded(const BlockKey& key, Slot slot) const;
  /// Nothing was written to the slot since the last poison().
  bool is_poisoned(Slot slot) const;
  void poison();

  const LayoutDesc& layout() const { return named_.layout; }
  const ObjectFormat& format() const { return named_.layout.format; }
  std::span<std::uint8_t> bytes() { return bytes_; }
  RegionMemory as_region() { return {bytes_.data(), bytes_.size(), shared_.fd(), 0}; }

 private:
  NamedLayout named_;
  std::vector<std::uint8_t> private_;
  SharedMemory shared_;
  /// All of whichever it is.
  std::span<std::uint8_t> bytes_;
};

}  // namespace kvp2p::testing
