// The header of a yamux frame (libp2p/specs, yamux/README.md), version 0, all fields big-endian:
//
//     version:8 | type:8 | flags:16 | stream id:32 | length:32
//
// Length counts the payload that follows (data), is a credit in bytes (window update), an opaque value (ping) or a
// reason (go away). Only data frames have a payload.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>

namespace libp2p::yamux {

inline constexpr std::size_t kFrameHeaderBytes = 12;
/// The window that every stream begins with, each way, before anything is granted.
inline constexpr std::uint32_t kInitialWindowBytes = 256 * 1024;

enum class FrameType : std::uint8_t { kData = 0, kWindowUpdate = 1, kPing = 2, kGoAway = 3 };

inline constexpr std::uint16_t kFlagSyn = 1;
inline constexpr std::uint16_t kFlagAck = 2;
inline constexpr std::uint16_t kFlagFin = 4;
inline constexpr std::uint16_t kFlagRst = 8;

enum class GoAwayCode : std::uint32_t { kNormal = 0, kProtocolError = 1, kInternalError = 2 };

struct FrameHeader {
  FrameType type = FrameType::kData;
  std::uint16_t flags = 0;
  std::uint32_t stream_id = 0;
  std::uint32_t length = 0;

  bool has(std::uint16_t flag) const { return (flags & flag) != 0; }
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

void encode_frame_header(const FrameHeader& header, std::span<std::uint8_t, kFrameHeaderBytes> into);

/// Error::kProtocolViolation for another version, an unknown type, a session frame (ping, go away) with a stream's id,
/// a stream's frame without one, or a ping that is not exactly a request (SYN) or an answer (ACK). Unknown flags are
/// let through.
base::Result<FrameHeader> decode_frame_header(std::span<const std::uint8_t, kFrameHeaderBytes> bytes);

}  // namespace libp2p::yamux
