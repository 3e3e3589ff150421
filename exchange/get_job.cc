#include "exchange/get_job.h"

#include <algorithm>

namespace kvp2p {

GetCursor::GetCursor(const wire::Get& get, std::size_t slices_per_frame)
    : layers_(get.layers),
      first_(get.first_block),
      end_(get.first_block + get.blocks),
      blocks_per_frame_(static_cast<std::uint32_t>(std::min<std::size_t>(slices_per_frame, get.blocks))),
      layers_per_frame_(
          get.may_join ? static_cast<std::uint32_t>(std::max<std::size_t>(slices_per_frame / get.blocks, 1)) : 1),
      block_(get.first_block),
      gone_(get.blocks) {}

std::optional<GetChunk> GetCursor::peek() {
  // A run with a gap is found to have one when it is read.
  while (!again_.empty() && again_.front().blocks == 1 && is_gone(again_.front().first_block)) again_.pop_front();
  if (!again_.empty()) return again_.front();
  for (; layer_index_ < layers_.size(); ++layer_index_, block_ = first_) {
    while (block_ < end_ && is_gone(block_)) ++block_;
    if (block_ == end_) continue;
    std::uint32_t blocks = 1;
    while (blocks < blocks_per_frame_ && block_ + blocks < end_ && !is_gone(block_ + blocks)) ++blocks;
    const std::uint32_t layers = blocks == end_ - first_ ? layers_from_here() : 1;
    return GetChunk{layers_[layer_index_], block_, blocks, layers};
  }
  return std::nullopt;
}

/// Neighbours that are wanted one after the other, as many as fit a frame.
std::uint32_t GetCursor::layers_from_here() const {
  std::uint32_t layers = 1;
  while (layers < layers_per_frame_ && layer_index_ + layers < layers_.size() &&
         layers_[layer_index_ + layers] == layers_[layer_index_] + layers) {
    ++layers;
  }
  return layers;
}

void GetCursor::advance(const GetChunk& chunk) {
  if (!again_.empty()) {
    again_.pop_front();
  } else if (chunk.layers > 1) {
    layer_index_ += chunk.layers;
  } else {
    block_ += chunk.blocks;
  }
}

void GetCursor::split(const GetChunk& chunk) {
  for (std::uint32_t layer = chunk.layer; layer < chunk.layer + chunk.layers; ++layer) {
    for (std::uint32_t i = 0; i < chunk.blocks; ++i) again_.push_back({layer, chunk.first_block + i, 1});
  }
}

void GetCursor::repeat(const std::vector<GetChunk>& chunks) {
  again_.insert(again_.begin(), chunks.begin(), chunks.end());
}

bool GetCursor::mark_gone(std::uint32_t block) {
  if (is_gone(block)) return false;
  gone_[block - first_] = true;
  return true;
}

}  // namespace kvp2p
