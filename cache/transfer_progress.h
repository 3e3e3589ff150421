// Which layers of which blocks have arrived, and what that makes ready: the arithmetic of a transfer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kvp2p {

/// Not thread-safe. Blocks [0, good()) are good; a failure makes that shorter, never longer.
class TransferProgress {
 public:
  TransferProgress(std::size_t blocks, std::uint32_t layers);

  std::size_t blocks() const { return blocks_; }
  std::uint32_t layers() const { return static_cast<std::uint32_t>(delivered_in_layer_.size()); }
  std::size_t good() const { return good_; }

  /// This layer of this block is in its place. Once each.
  void deliver(std::uint32_t layer, std::size_t block);
  /// This block and all after it have failed, in all layers.
  void fail_from(std::size_t block);

  bool delivered(std::uint32_t layer, std::size_t block) const { return delivered_[layer * blocks_ + block] != 0; }
  /// All good blocks are there; false if none is good.
  bool layer_ready(std::uint32_t layer) const { return good_ > 0 && delivered_in_layer_[layer] == good_; }
  std::size_t layers_ready() const;
  /// Every good block is there in every layer, or none is good.
  bool finished() const { return good_ == 0 || layers_ready() == layers(); }
  /// Leading good blocks that are there in all layers: the prefix that is left if nothing more comes.
  std::size_t complete_blocks() const;

 private:
  std::size_t blocks_;
  std::size_t good_;
  std::vector<std::uint8_t> delivered_;          // [layer][block]
  std::vector<std::size_t> delivered_in_layer_;  // good blocks only
  std::vector<std::uint32_t> delivered_of_block_;
};

}  // namespace kvp2p
