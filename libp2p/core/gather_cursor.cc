#include "libp2p/core/gather_cursor.h"

#include <algorithm>
#include <cassert>

namespace libp2p {

void GatherCursor::take(std::size_t bytes) {
  assert(bytes <= front().size());
  offset_ += bytes;
  skip_empty();
}

std::size_t GatherCursor::run_bytes(std::size_t buffer_bytes_min, std::size_t bytes_max) const {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < buffers_.size() && bytes < bytes_max; ++i) {
    if (buffers_[i].size() < buffer_bytes_min) break;
    bytes += i == 0 ? buffers_[i].size() - offset_ : buffers_[i].size();
  }
  return std::min(bytes, bytes_max);
}

void GatherCursor::detach() {
  base::Bytes rest;
  while (!done()) {
    base::append(rest, front());
    take(front().size());
  }
  copy_ = std::move(rest);
  copied_ = copy_;
  buffers_ = std::span<const base::ConstBytes>(&copied_, 1);
  offset_ = 0;
  skip_empty();
}

void GatherCursor::skip_empty() {
  while (!buffers_.empty() && offset_ == buffers_.front().size()) {
    buffers_ = buffers_.subspan(1);
    offset_ = 0;
  }
}

}  // namespace libp2p
