#include "exchange/frame_receiver.h"

#include "base/log.h"
#include "exchange/exchange_error.h"
#include "libp2p/core/error.h"
#include "multiformats/varint.h"
#include "wire/codec.h"
#include "wire/limits.h"

#include <algorithm>
#include <array>

namespace kvp2p {

namespace {

/// What nobody wants is read through a buffer of this size.
constexpr std::size_t kScratchBytes = 64u << 10;

class Receiver {
 public:
  Receiver(Lane& lane, FrameTarget& target) : lane_(lane), target_(target) {}

  /// Nothing: a frame has come. Otherwise the lane is at its end.
  base::Task<std::optional<LaneEnd>> receive_one() {
    auto length = co_await read_length();
    if (!length) co_return length.error() == libp2p::Error::kMalformedMessage ? LaneEnd::kBroken : LaneEnd::kLost;
    if (*length == 0 || *length > wire::kFrameHeaderBytesMax) co_return LaneEnd::kBroken;
    header_.resize(*length);
    auto read = co_await read_into(header_);
    if (!read) co_return LaneEnd::kLost;
    std::uint32_t payload_bytes = 0;
    auto place = find_place(payload_bytes);
    if (!place) {
      LOG_DEBUG("lane {} is reset: {}", lane_.number(), place.error().message());
      co_return LaneEnd::kBroken;
    }
    const base::MutableBytes payload = (*place)->payload();
    if (payload.empty()) {
      read = co_await skip(payload_bytes);
    } else {
      read = co_await read_into(payload);
    }
    if (!read) co_return LaneEnd::kLost;
    lane_.set_within_frame(false);
    (*place)->complete();
    co_return std::nullopt;
  }

 private:
  base::Result<std::unique_ptr<FramePlace>> find_place(std::uint32_t& payload_bytes) {
    const auto began = std::chrono::steady_clock::now();
    auto message = wire::decode(header_);
    if (!message) return message.error();
    auto* frame = std::get_if<wire::FrameHeader>(&message->body);
    if (frame == nullptr) return ExchangeError::kProtocolBroken;
    payload_bytes = frame->wire_bytes();
    return target_.place(lane_, {message->id, std::move(*frame), std::chrono::steady_clock::now() - began});
  }

  base::Task<base::Result<std::uint64_t>> read_length() {
    std::array<std::uint8_t, multiformats::kUvarintBytesMax> prefix;
    std::size_t size = 0;
    do {
      auto read = co_await read_into(base::MutableBytes(&prefix[size], 1));
      if (!read) co_return read.error();
      lane_.set_within_frame(true);
      ++size;
    } while ((prefix[size - 1] & 0x80) != 0 && size < prefix.size());
    const auto length = multiformats::read_uvarint(base::ConstBytes(prefix.data(), size));
    if (!length) co_return libp2p::Error::kMalformedMessage;
    co_return length->value;
  }

  base::Task<base::Result<>> read_into(base::MutableBytes into) {
    while (!into.empty()) {
      auto count = co_await lane_.stream().read_some(into);
      if (!count) co_return count.error();
      if (*count == 0) co_return libp2p::Error::kUnexpectedEof;
      lane_.add_bytes_read(*count);
      into = into.subspan(*count);
    }
    co_return base::Result<>();
  }

  base::Task<base::Result<>> skip(std::size_t bytes) {
    scratch_.resize(kScratchBytes);
    while (bytes > 0) {
      const std::size_t part = std::min(bytes, scratch_.size());
      auto read = co_await read_into(base::MutableBytes(scratch_).first(part));
      if (!read) co_return read;
      bytes -= part;
    }
    co_return base::Result<>();
  }

  Lane& lane_;
  FrameTarget& target_;
  base::Bytes header_;
  base::Bytes scratch_;
};

}  // namespace

base::Task<LaneEnd> receive_frames(std::shared_ptr<Lane> lane, FrameTarget& target) {
  Receiver receiver(*lane, target);
  std::optional<LaneEnd> end;
  while (!end && !lane->is_dead()) end = co_await receiver.receive_one();
  lane->reset();
  co_return end.value_or(LaneEnd::kLost);
}

}  // namespace kvp2p
