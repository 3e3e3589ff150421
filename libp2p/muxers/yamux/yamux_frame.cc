#include "libp2p/muxers/yamux/yamux_frame.h"

#include "libp2p/core/error.h"

namespace libp2p::yamux {

namespace {

constexpr std::uint8_t kVersion = 0;
constexpr std::uint8_t kTypeMax = 3;

}  // namespace

void encode_frame_header(const FrameHeader& header, std::span<std::uint8_t, kFrameHeaderBytes> into) {
  into[0] = kVersion;
  into[1] = static_cast<std::uint8_t>(header.type);
  base::store_be16(&into[2], header.flags);
  base::store_be32(&into[4], header.stream_id);
  base::store_be32(&into[8], header.length);
}

base::Result<FrameHeader> decode_frame_header(std::span<const std::uint8_t, kFrameHeaderBytes> bytes) {
  if (bytes[0] != kVersion || bytes[1] > kTypeMax) return Error::kProtocolViolation;
  FrameHeader header;
  header.type = static_cast<FrameType>(bytes[1]);
  header.flags = base::load_be16(&bytes[2]);
  header.stream_id = base::load_be32(&bytes[4]);
  header.length = base::load_be32(&bytes[8]);
  const bool of_session = header.type == FrameType::kPing || header.type == FrameType::kGoAway;
  if (of_session != (header.stream_id == 0)) return Error::kProtocolViolation;
  if (header.type == FrameType::kPing && header.flags != kFlagSyn && header.flags != kFlagAck) {
    return Error::kProtocolViolation;
  }
  return header;
}

}  // namespace libp2p::yamux
