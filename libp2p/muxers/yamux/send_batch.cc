#include "libp2p/muxers/yamux/send_batch.h"

#include "libp2p/muxers/yamux/stream_state.h"

#include <cassert>
#include <cstring>

namespace libp2p::yamux {

bool SendBatch::has_room() const {
  // A frame needs its header and at least one piece, which may be copied.
  return bytes_ < bytes_max_ && pieces_.size() + 2 <= kPiecesMax &&
         scratch_used_ + kFrameHeaderBytes + kCopyBytesMax <= kScratchBytes;
}

void SendBatch::append_copy(base::ConstBytes bytes) {
  if (!scratch_) {
    scratch_ = PooledBuffer::take();
    pieces_.reserve(kPiecesMax);
  }
  std::uint8_t* at = scratch_.data() + scratch_used_;
  std::memcpy(at, bytes.data(), bytes.size());
  scratch_used_ += bytes.size();
  bytes_ += bytes.size();
  if (!pieces_.empty() && pieces_.back().data() + pieces_.back().size() == at) {
    pieces_.back() = {pieces_.back().data(), pieces_.back().size() + bytes.size()};
  } else {
    pieces_.emplace_back(at, bytes.size());
  }
}

void SendBatch::add_header(const FrameHeader& header) {
  std::array<std::uint8_t, kFrameHeaderBytes> bytes;
  encode_frame_header(header, bytes);
  append_copy(bytes);
}

std::size_t SendBatch::add_data(const std::shared_ptr<StreamState>& stream, std::size_t payload_bytes_max) {
  SendRequest& request = *stream->request;
  FrameHeader header{FrameType::kData, 0, stream->id, 0};
  add_header(header);  // again below, when the length is known
  std::uint8_t* const header_at = scratch_.data() + scratch_used_ - kFrameHeaderBytes;
  std::size_t taken = 0;
  bool refers = false;
  while (taken < payload_bytes_max && request.unsent_bytes() > 0) {
    const base::ConstBytes front = request.front();
    const base::ConstBytes piece = front.first(std::min(front.size(), payload_bytes_max - taken));
    if (piece.size() <= kCopyBytesMax) {
      if (scratch_used_ + piece.size() > kScratchBytes || pieces_.size() == kPiecesMax) break;
      append_copy(piece);
    } else {
      if (pieces_.size() == kPiecesMax) break;
      pieces_.push_back(piece);
      bytes_ += piece.size();
      refers = true;
    }
    taken += piece.size();
    request.advance(piece.size());
  }
  header.length = static_cast<std::uint32_t>(taken);
  encode_frame_header(header, std::span<std::uint8_t, kFrameHeaderBytes>(header_at, kFrameHeaderBytes));
  request.begin_flight(taken, refers);
  streams_.push_back(stream);
  return taken;
}

void SendBatch::clear() {
  bytes_ = 0;
  scratch_used_ = 0;
  pieces_.clear();
  streams_.clear();
}

void SendBatch::release_memory() {
  assert(empty());
  scratch_.release();
  pieces_ = std::vector<base::ConstBytes>();
  streams_ = std::vector<std::shared_ptr<StreamState>>();
}

}  // namespace libp2p::yamux
