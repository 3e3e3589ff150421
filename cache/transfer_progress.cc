#include "cache/transfer_progress.h"

#include <cassert>

namespace kvp2p {

TransferProgress::TransferProgress(std::size_t blocks, std::uint32_t layers)
    : blocks_(blocks),
      good_(blocks),
      delivered_(blocks * layers, 0),
      delivered_in_layer_(layers, 0),
      delivered_of_block_(blocks, 0) {}

void TransferProgress::deliver(std::uint32_t layer, std::size_t block) {
  std::uint8_t& there = delivered_[layer * blocks_ + block];
  assert(!there);
  there = 1;
  ++delivered_of_block_[block];
  if (block < good_) ++delivered_in_layer_[layer];
}

void TransferProgress::fail_from(std::size_t block) {
  if (block >= good_) return;
  for (std::uint32_t layer = 0; layer < layers(); ++layer) {
    for (std::size_t b = block; b < good_; ++b) delivered_in_layer_[layer] -= delivered_[layer * blocks_ + b];
  }
  good_ = block;
}

std::size_t TransferProgress::layers_ready() const {
  std::size_t ready = 0;
  for (std::uint32_t layer = 0; layer < layers(); ++layer) ready += layer_ready(layer);
  return ready;
}

std::size_t TransferProgress::complete_blocks() const {
  std::size_t block = 0;
  while (block < good_ && delivered_of_block_[block] == layers()) ++block;
  return block;
}

}  // namespace kvp2p
