// Bounds on everything that a message may claim (docs/protocol.md lists them). What exceeds one is refused before
// anything is allocated for it.
#pragma once

#include "kv/model_spec.h"
#include "kv/object_format.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kvp2p::wire {

inline constexpr std::string_view kProtocolId = "/kv-cache-p2p/1.0.0";
inline constexpr std::uint32_t kVersion = 1;

/// Encoded messages, without their length prefix.
inline constexpr std::size_t kControlMessageBytesMax = 1u << 20;
/// The first message of a stream comes from somebody who has shown nothing yet.
inline constexpr std::size_t kFirstMessageBytesMax = 4096;
inline constexpr std::size_t kFrameHeaderBytesMax = 64u << 10;

/// Payload after one frame header: the largest layer slice fits.
inline constexpr std::size_t kFramePayloadBytesMax = kSliceBytesMax;
inline constexpr std::size_t kFrameLeavesMax = 3840;

/// Keys of one lookup, put or announcement.
inline constexpr std::size_t kKeysMax = 8192;
/// A place: region and generation of 8 bytes, the slot of 4 between them.
inline constexpr std::size_t kPlaceBytes = 20;
inline constexpr std::size_t kVersionsMax = 16;
inline constexpr std::size_t kAgentBytesMax = 128;
inline constexpr std::size_t kTextBytesMax = 4096;
inline constexpr std::size_t kSocketNameBytesMax = 64;
inline constexpr std::size_t kStreamsPerGetMax = 64;
inline constexpr std::size_t kGoneRangesMax = 1024;
inline constexpr std::size_t kCountersMax = 128;
inline constexpr std::size_t kCounterNameBytesMax = 64;
/// Leases, deadlines and waits.
inline constexpr std::uint32_t kTimeMsMax = 600'000;
/// Frames that a receiver may grant in one message.
inline constexpr std::uint32_t kCreditMax = 65'536;
/// Whole blocks that are put: one is assembled in memory at a time.
inline constexpr std::size_t kPutBlockBytesMax = 64u << 20;

/// Fields of one map, and nesting inside a field that is not known and skipped.
inline constexpr std::size_t kMapFieldsMax = 64;
inline constexpr std::size_t kSkipDepthMax = 8;
inline constexpr std::size_t kSkipItemsMax = 4096;

}  // namespace kvp2p::wire
