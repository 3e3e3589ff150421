#include "libp2p/security/noise/noise_frames.h"

#include "libp2p/core/error.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace libp2p::noise {

namespace {
constexpr std::size_t kFrameOverheadBytes = kFramePrefixBytes + kTagBytes;

base::Error error_of_opening(base::Error error) {
  return error == Error::kConnectionClosed ? Error::kConnectionClosed : Error::kProtocolViolation;
}

}  // namespace

/// Of a payload that begins at the front; 0 if what is there goes into a frame with other small buffers.
std::size_t FrameSealer::large_bytes(const GatherCursor& from) {
  const std::size_t run = from.run_bytes(kJoinedMinBytes, kPlaintextMaxBytes);
  const std::size_t bytes = std::max(run, std::min(from.front().size(), kPlaintextMaxBytes));
  return bytes >= kOwnFrameMinBytes ? bytes : 0;
}

base::Result<base::ConstBytes> FrameSealer::seal_some(GatherCursor& from) {
  assert(!from.done());
  if (!buffer_) buffer_ = PooledBuffer::take();
  Plan plan;
  std::size_t used = 0;
  while (!from.done() && !plan.is_full() && kBufferBytes - used > kFrameOverheadBytes) {
    const std::size_t plaintext_max = std::min(kPlaintextMaxBytes, kBufferBytes - used - kFrameOverheadBytes);
    const std::size_t large = large_bytes(from);
    // Rather write what there is than cut a large buffer where the space ends.
    if (used > 0 && plaintext_max < large) break;
    std::uint8_t* const at = buffer_.data() + used;
    const std::size_t size = large > 0 ? plan_large(plan, from, at, std::min(large, plaintext_max))
                                       : plan_small(plan, from, at, plaintext_max);
    base::store_be16(at, static_cast<std::uint16_t>(size + kTagBytes));
    used += kFrameOverheadBytes + size;
  }
  auto sealed = cipher_.seal_all(std::span(plan.messages).first(plan.message_count));
  if (!sealed) return sealed.error();
  return base::ConstBytes(buffer_.data(), used);
}

std::size_t FrameSealer::plan_large(Plan& plan, GatherCursor& from, std::uint8_t* at, std::size_t plaintext_max) {
  const std::size_t first = plan.piece_count;
  std::size_t size = 0;
  while (size < plaintext_max && plan.piece_count < plan.pieces.size()) {
    const base::ConstBytes piece = from.front().first(std::min(from.front().size(), plaintext_max - size));
    plan.pieces[plan.piece_count++] = piece;
    size += piece.size();
    from.take(piece.size());
  }
  const auto pieces = std::span<const base::ConstBytes>(plan.pieces).subspan(first, plan.piece_count - first);
  plan.messages[plan.message_count++] = {pieces, at + kFramePrefixBytes};
  return size;
}

std::size_t FrameSealer::plan_small(Plan& plan, GatherCursor& from, std::uint8_t* at, std::size_t plaintext_max) {
  std::uint8_t* const plaintext = at + kFramePrefixBytes;
  std::size_t size = 0;
  while (!from.done() && large_bytes(from) == 0 && size < plaintext_max) {
    const std::size_t part = std::min(from.front().size(), plaintext_max - size);
    std::memcpy(plaintext + size, from.front().data(), part);
    size += part;
    from.take(part);
  }
  base::ConstBytes& in_place = plan.pieces[plan.piece_count++] = {plaintext, size};
  plan.messages[plan.message_count++] = {{&in_place, 1}, plaintext};
  return size;
}

base::Result<std::size_t> FrameOpener::read(base::MutableBytes into) {
  assert(!into.empty());
  std::size_t done = buffer_.take_leftover(into);
  // Opens only if all of the leftover is gone: frames behind it come after it.
  while (done < into.size() && !buffer_.has_leftover() && !failed_ && may_open_frames()) {
    const std::size_t several = open_several(into.subspan(done));
    done += several;
    if (several > 0 || failed_) continue;
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

base::Result<std::optional<base::ConstBytes>> FrameOpener::frame_at(std::size_t offset) const {
  // A stash may hold no more than the beginning of a frame, which may be known to be bad from that.
  const base::ConstBytes received = buffer_.unopened().subspan(offset);
  if (received.size() < kFramePrefixBytes) return std::nullopt;
  const std::size_t size = base::load_be16(received.data());
  if (size < kTagBytes) return Error::kProtocolViolation;
  if (received.size() < kFramePrefixBytes + size) return std::nullopt;
  return received.subspan(kFramePrefixBytes, size);
}

std::size_t FrameOpener::open_several(base::MutableBytes into) {
  std::array<base::ConstBytes, FrameSealer::kFrames> ciphertexts;
  std::array<CipherState::Message, FrameSealer::kFrames> messages;
  std::size_t count = 0;
  std::size_t size = 0;
  for (std::size_t at = 0; count < messages.size() && count < frames_left_; ++count) {
    const auto frame = frame_at(at);
    // A bad one, and one without plaintext, are open_frame()'s.
    if (!frame || !*frame || (*frame)->size() == kTagBytes) break;
    const std::size_t plaintext = (*frame)->size() - kTagBytes;
    if (plaintext > into.size() - size) break;
    ciphertexts[count] = **frame;
    messages[count] = {{&ciphertexts[count], 1}, into.data() + size};
    size += plaintext;
    at += kFramePrefixBytes + (*frame)->size();
  }
  if (count < 2) return 0;
  const CipherState::Opened opened = cipher_.open_all(std::span(messages).first(count));
  size = 0;
  for (std::size_t i = 0; i < opened.good; ++i) {
    buffer_.opened(kFramePrefixBytes + ciphertexts[i].size());
    size += ciphertexts[i].size() - kTagBytes;
  }
  frames_left_ -= opened.good;
  if (opened.good > 0) empty_frames_ = 0;
  if (opened.good < count) failed_ = error_of_opening(opened.error);
  return size;
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
  std::uint8_t* const in_place = buffer_.in_place() + kFramePrefixBytes;
  auto opened = cipher_.open({}, ciphertext, fits ? into.data() : in_place);
  if (!opened) return error_of_opening(opened.error());
  buffer_.opened(kFramePrefixBytes + ciphertext.size());
  --frames_left_;
  empty_frames_ = size == 0 ? empty_frames_ + 1 : 0;
  if (empty_frames_ > kEmptyFramesMax) return Error::kProtocolViolation;
  if (fits) return size;
  buffer_.leave({in_place, size});
  return buffer_.take_leftover(into);
}

bool FrameOpener::is_readable() const {
  if (buffer_.has_leftover() || failed_) return true;
  const auto frame = next_frame();
  return !frame || frame->has_value();
}

}  // namespace libp2p::noise
