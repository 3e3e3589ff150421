#include "libp2p/security/noise/noise_frames.h"

#include "libp2p/core/error.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace libp2p::noise {

namespace {
constexpr std::size_t kFrameOverheadBytes = kFramePrefixBytes + kTagBytes;
}

void GatherCursor::take(std::size_t bytes) {
  assert(bytes <= front().size());
  offset_ += bytes;
  skip_empty();
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

base::Result<base::ConstBytes> FrameSealer::seal_some(GatherCursor& from) {
  assert(!from.done());
  if (!buffer_) buffer_ = PooledBuffer::take();
  std::size_t used = 0;
  while (!from.done() && kBufferBytes - used > kFrameOverheadBytes) {
    const std::size_t plaintext_max = std::min(kPlaintextMaxBytes, kBufferBytes - used - kFrameOverheadBytes);
    const bool large = from.front().size() >= kOwnFrameMinBytes;
    // Rather write what there is than cut a large buffer where the space ends.
    if (large && used > 0 && plaintext_max < std::min(from.front().size(), kPlaintextMaxBytes)) break;
    std::uint8_t* const at = buffer_.data() + used;
    const auto size = large ? seal_large(from, at, plaintext_max) : seal_small(from, at, plaintext_max);
    if (!size) return size.error();
    base::store_be16(at, static_cast<std::uint16_t>(*size + kTagBytes));
    used += kFrameOverheadBytes + *size;
  }
  return base::ConstBytes(buffer_.data(), used);
}

base::Result<std::size_t> FrameSealer::seal_large(GatherCursor& from, std::uint8_t* at, std::size_t plaintext_max) {
  const base::ConstBytes plaintext = from.front().first(std::min(from.front().size(), plaintext_max));
  auto sealed = cipher_.seal({}, plaintext, at + kFramePrefixBytes);
  if (!sealed) return sealed.error();
  from.take(plaintext.size());
  return plaintext.size();
}

base::Result<std::size_t> FrameSealer::seal_small(GatherCursor& from, std::uint8_t* at, std::size_t plaintext_max) {
  std::uint8_t* const plaintext = at + kFramePrefixBytes;
  std::size_t size = 0;
  while (!from.done() && from.front().size() < kOwnFrameMinBytes && size < plaintext_max) {
    const std::size_t part = std::min(from.front().size(), plaintext_max - size);
    std::memcpy(plaintext + size, from.front().data(), part);
    size += part;
    from.take(part);
  }
  auto sealed = cipher_.seal({}, {plaintext, size}, plaintext);
  if (!sealed) return sealed.error();
  return size;
}

base::Result<std::size_t> FrameOpener::read(base::MutableBytes into) {
  assert(!into.empty());
  std::size_t done = take_leftover(into);
  // Opens only if all of the leftover is gone: frames behind it come after it.
  while (done < into.size() && leftover_.empty() && !failed_ && may_open_frames()) {
    const auto opened = open_frame(into.subspan(done), done == 0);
    if (!opened) {
      failed_ = opened.error();
    } else if (!*opened) {
      break;
    } else {
      done += **opened;
    }
  }
  // What came before the bad frame is good; the next call fails.
  if (done == 0 && failed_) return failed_;
  return done;
}

base::Result<std::optional<base::ConstBytes>> FrameOpener::next_frame() const {
  // A stash may hold no more than the beginning of a frame, which may be known to be bad from that.
  const std::uint8_t* const at = buffer_ ? buffer_.data() + begin_ : stash_.data();
  const base::ConstBytes received(at, end_ - begin_);
  if (received.size() < kFramePrefixBytes) return std::nullopt;
  const std::size_t size = base::load_be16(received.data());
  if (size < kTagBytes) return Error::kProtocolViolation;
  if (received.size() < kFramePrefixBytes + size) return std::nullopt;
  return received.subspan(kFramePrefixBytes, size);
}

base::Result<std::optional<std::size_t>> FrameOpener::open_frame(base::MutableBytes into, bool need) {
  const auto frame = next_frame();
  if (!frame) return frame.error();
  if (!*frame) return std::nullopt;
  const base::ConstBytes ciphertext = **frame;
  const std::size_t size = ciphertext.size() - kTagBytes;
  const bool fits = size <= into.size();
  // The caller's next buffer may hold it whole, which saves a copy.
  if (!fits && !need) return std::nullopt;
  std::uint8_t* const in_place = buffer_.data() + begin_ + kFramePrefixBytes;
  auto opened = cipher_.open({}, ciphertext, fits ? into.data() : in_place);
  if (!opened) return opened.error() == Error::kConnectionClosed ? Error::kConnectionClosed : Error::kProtocolViolation;
  begin_ += kFramePrefixBytes + ciphertext.size();
  --frames_left_;
  empty_frames_ = size == 0 ? empty_frames_ + 1 : 0;
  if (empty_frames_ > kEmptyFramesMax) return Error::kProtocolViolation;
  if (fits) return size;
  leftover_ = base::ConstBytes(in_place, size);
  return take_leftover(into);
}

base::MutableBytes FrameOpener::space() {
  assert(leftover_.empty());
  if (!buffer_) {
    buffer_ = PooledBuffer::take();
    std::copy(stash_.begin(), stash_.end(), buffer_.data());
    stash_ = base::Bytes();
  }
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (kBufferBytes - begin_ < kFrameMaxBytes) {  // the frame that has begun might not fit where it is
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return {buffer_.data() + end_, kBufferBytes - end_};
}

bool FrameOpener::is_readable() const {
  if (!leftover_.empty() || failed_) return true;
  const auto frame = next_frame();
  return !frame || frame->has_value();
}

void FrameOpener::release_buffer() {
  if (!buffer_ || !leftover_.empty() || end_ - begin_ > kStashBytesMax) return;
  stash_.assign(buffer_.data() + begin_, buffer_.data() + end_);
  end_ -= begin_;
  begin_ = 0;
  buffer_.release();
}

std::size_t FrameOpener::take_leftover(base::MutableBytes into) {
  const std::size_t size = std::min(into.size(), leftover_.size());
  if (size == 0) return 0;
  std::memcpy(into.data(), leftover_.data(), size);
  leftover_ = leftover_.subspan(size);
  return size;
}

}  // namespace libp2p::noise
