// Bounds and times of the exchange that are not part of a message (those are in wire/limits.h).
#pragma once

#include "base/clock.h"

#include <cstddef>
#include <cstdint>

namespace kvp2p {

/// From the first byte of a stream to the end of hello, or to its stream_open.
inline constexpr base::Duration kHelloTimeout = std::chrono::seconds(10);
/// A lost control stream is opened again after this, doubled each time up to the maximum.
inline constexpr base::Duration kReopenDelay = std::chrono::seconds(1);
inline constexpr base::Duration kReopenDelayMax = std::chrono::seconds(30);

/// A peer that has no session for so long gives back what it had leased; longer than reopening a control stream takes.
inline constexpr base::Duration kLostPeerLinger = std::chrono::seconds(3);

/// A session on a connection that another one serves instead of is asked nothing more, and ends after this.
inline constexpr base::Duration kSupersededLinger = std::chrono::seconds(10);

/// Requests of one peer that this node works on at a time; more are answered busy.
inline constexpr std::size_t kGetsServedMax = 64;
inline constexpr std::size_t kPutsServedMax = 4;
inline constexpr base::Duration kBusyRetry = std::chrono::milliseconds(50);
/// Keys that one peer may look up a second, and in one burst; each lookup costs kLookupCost keys more.
inline constexpr std::uint64_t kLookupKeysPerSecond = 2'000'000;
inline constexpr std::uint64_t kLookupCost = 64;
/// Requests that this node has under way at one peer.
inline constexpr std::size_t kRequestsSentMax = 1024;

/// Encoded messages waiting for a slow reader: above the first, nothing more is read from it; above the second, or
/// after the time, the session ends.
inline constexpr std::size_t kWriteQueueBytesHigh = 4u << 20;
inline constexpr std::size_t kWriteQueueBytesMax = 16u << 20;
inline constexpr base::Duration kWriteStallMax = std::chrono::seconds(10);

/// Messages that cannot be decoded, though their envelope can, before the session ends.
inline constexpr std::size_t kBadMessagesMax = 16;
/// Data streams that one peer may have open towards this node in one session.
inline constexpr std::size_t kDataStreamsMax = 128;
/// Idle data streams kept for the next request.
inline constexpr std::size_t kIdleStreamsMax = 8;
/// A get may arrive before the data stream that it names.
inline constexpr base::Duration kDataStreamWait = std::chrono::seconds(5);

/// A peer that owes frames and brings none for so long is told of in the log, for so many times in one session.
inline constexpr base::Duration kStallNoticed = std::chrono::seconds(2);
inline constexpr std::uint64_t kStallsLoggedMax = 64;

/// Frames of one get that are read and written at the same time on one data stream: a frame that comes from a GPU waits
/// several turns of a busy node thread.
inline constexpr std::size_t kLanesPerStream = 16;
/// Frames that one fetch has room for at a time, and the part of the pool that it takes at most.
inline constexpr std::size_t kFetchWindowFrames = 32;
inline constexpr std::size_t kFetchPoolShare = 4;

/// From the question for a ticket until the peer's regions are open here: the first may take 10 ms each.
inline constexpr base::Duration kDirectOpenTimeout = std::chrono::seconds(10);

inline constexpr base::Duration kAnnounceDelay = std::chrono::milliseconds(10);
inline constexpr std::size_t kSnapshotKeysMax = 65'536;
inline constexpr std::size_t kLogLinesPerPeerMax = 64;
inline constexpr std::size_t kLogPeersMax = 4096;

}  // namespace kvp2p
