#include "libp2p/muxers/yamux/receive_buffer.h"

#include <algorithm>
#include <cstring>

namespace libp2p::yamux {

base::MutableBytes ReceiveBuffer::prepare(std::size_t wanted) {
  if (first_ == chunks_.size() || chunks_.back().end == chunks_.back().capacity) {
    Chunk chunk;
    chunk.capacity = std::clamp(wanted, kChunkBytesMin, kChunkBytesMax);
    chunk.bytes = std::make_unique_for_overwrite<std::uint8_t[]>(chunk.capacity);
    chunks_.push_back(std::move(chunk));
  }
  Chunk& last = chunks_.back();
  return {last.bytes.get() + last.end, std::min(wanted, last.capacity - last.end)};
}

void ReceiveBuffer::commit(std::size_t count) {
  chunks_.back().end += count;
  size_ += count;
  meter_.add(count);
}

std::size_t ReceiveBuffer::read(base::MutableBytes into) {
  std::size_t count = 0;
  while (count < into.size() && size_ > 0) {
    Chunk& front = chunks_[first_];
    const std::size_t part = std::min(into.size() - count, front.end - front.begin);
    std::memcpy(into.data() + count, front.bytes.get() + front.begin, part);
    front.begin += part;
    count += part;
    size_ -= part;
    if (front.begin == front.end) drop_front();
  }
  meter_.remove(count);
  return count;
}

void ReceiveBuffer::drop_front() {
  chunks_[first_].bytes.reset();
  ++first_;
  // Moving the rest down once half is empty costs a constant time a chunk.
  if (first_ * 2 < chunks_.size()) return;
  chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
}

void ReceiveBuffer::clear() {
  std::vector<Chunk>().swap(chunks_);
  first_ = 0;
  meter_.remove(size_);
  size_ = 0;
}

}  // namespace libp2p::yamux
