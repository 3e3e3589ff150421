#include "libp2p/core/opener_buffer.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace libp2p {

base::MutableBytes OpenerBuffer::space() {
  assert(leftover_.empty());
  if (!buffer_) {
    buffer_ = PooledBuffer::take();
    std::copy(stash_.begin(), stash_.end(), buffer_.data());
    stash_ = base::Bytes();
  }
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (capacity_ - begin_ < unit_bytes_max_) {  // what has begun might not fit where it is
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return {buffer_.data() + end_, capacity_ - end_};
}

void OpenerBuffer::release() {
  if (!buffer_ || !leftover_.empty() || end_ - begin_ > kStashBytesMax) return;
  stash_.assign(buffer_.data() + begin_, buffer_.data() + end_);
  end_ -= begin_;
  begin_ = 0;
  buffer_.release();
}

std::size_t OpenerBuffer::take_leftover(base::MutableBytes into) {
  const std::size_t size = std::min(into.size(), leftover_.size());
  if (size == 0) return 0;
  std::memcpy(into.data(), leftover_.data(), size);
  leftover_ = leftover_.subspan(size);
  return size;
}

}  // namespace libp2p
