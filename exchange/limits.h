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
/// The same of all peers together, if each asks as much as it may: with many peers each may ask less, but this much.
inline constexpr std::uint64_t kLookupKeysPerSecondAll = 2'000'000;
inline constexpr std::uint64_t kLookupKeysPerSecondMin = 32'768;
/// Keys that one peer may announce: at once, as the first announcements of a session are, and a second; with many peers
/// their share of what all may, but this much.
inline constexpr std::uint64_t kAnnouncedKeysMax = 73'728;
inline constexpr std::uint64_t kAnnouncedKeysPerSecondAll = 500'000;
inline constexpr std::uint64_t kAnnouncedKeysPerSecondMin = 16'384;
/// Keys in all of a peer's messages a second, each message counting for some more: beyond that it is a flood. Credit is
/// left out: it goes with frames. Its own look-ups a node keeps to half of that.
inline constexpr std::uint64_t kFloodKeysPerSecond = 1u << 20;
inline constexpr std::uint64_t kFloodMessageCost = 16;
/// What strangers, who have not brought a good block yet, send unasked waits for its turn: of all of them together so
/// much is looked at a second, a tenth of the node thread's time at most. A message counts one, and one more for so
/// many of its bytes; what it announces waits again, key by key, for as much as a twentieth, in slices: what this
/// node's engine asks for never waits long behind them. News that wait are kept, kAnnouncedKeysMax of them: so a flood
/// is seen at once, and what it had to say is thrown away with its author.
inline constexpr std::uint64_t kStrangerTurnsPerSecond = 1u << 18;
inline constexpr std::size_t kStrangerBytesPerTurn = 64;
inline constexpr std::uint64_t kStrangerNewsPerSecond = 1u << 17;
/// Saved up, of either.
inline constexpr std::uint64_t kStrangerTurnsSaved = 16'384;
inline constexpr std::size_t kNewsSlice = 128;
inline constexpr std::uint64_t kAskedKeysPerSecond = kFloodKeysPerSecond / 2;
/// A block that a peer says it does not have and goes on announcing for so long was never there: it tells of evictions
/// within kAnnounceDelay, on the stream of its answers.
inline constexpr base::Duration kPromiseGrace = std::chrono::seconds(1);
/// Models of which it is kept in what format a peer announces them.
inline constexpr std::size_t kAnnouncedModelsMax = 64;
/// Requests that this node has under way at one peer.
inline constexpr std::size_t kRequestsSentMax = 1024;

/// Encoded messages waiting for a slow reader: above the first, nothing more is read from it; above the second, or
/// after the time, the session ends.
inline constexpr std::size_t kWriteQueueBytesHigh = 4u << 20;
inline constexpr std::size_t kWriteQueueBytesMax = 16u << 20;
inline constexpr base::Duration kWriteStallMax = std::chrono::seconds(10);

/// Messages that cannot be decoded, though their envelope can, before the session ends.
inline constexpr std::size_t kBadMessagesMax = 16;
/// Streams of one session that one peer may have open towards this node, beside data connections.
inline constexpr std::size_t kDataStreamsMax = 128;
/// Idle streams kept for the next put.
inline constexpr std::size_t kIdleStreamsMax = 8;
/// A get may arrive before the lanes that it names.
inline constexpr base::Duration kLaneWait = std::chrono::seconds(5);

/// A peer that owes frames and brings none for so long is told of in the log, so many times in one session. A frame of
/// 1 MiB at 0.4 MB/s, one connection that loses one packet in a hundred, takes 2.6 s.
inline constexpr base::Duration kStallNoticed = std::chrono::seconds(3);
inline constexpr std::uint64_t kStallsLoggedMax = 64;

/// Data connections that peers may have open towards this node: in one session, and in all.
inline constexpr std::size_t kInboundLanesMax = 32;
inline constexpr std::size_t kInboundLanesInAllMax = 1024;
/// Data connections that are used by no fetch for so long are closed by who opened them.
inline constexpr base::Duration kLaneIdleMax = std::chrono::seconds(30);
/// After one could not be opened: not tried again for so long, doubled each time up to the maximum.
inline constexpr base::Duration kLaneRetry = std::chrono::seconds(1);
inline constexpr base::Duration kLaneRetryMax = std::chrono::seconds(60);
/// A lane that owes something and brings nothing for this time, or for so many round trips if that is longer, while the
/// peer answers a ping, is given up. Looked at so often.
inline constexpr base::Duration kLaneStall = std::chrono::milliseconds(500);
inline constexpr int kLaneStallRoundTrips = 8;
inline constexpr base::Duration kLaneWatch = std::chrono::milliseconds(100);
/// Of one fetch the holder is asked at most so often how many frames it has sent over which lane.
inline constexpr base::Duration kCountsInterval = std::chrono::seconds(1);
/// Lanes that one fetch may lose.
inline constexpr std::uint32_t kLossesMax = 64;

/// Frames of one get that are being read at a time: a frame that comes from a GPU waits several turns of a busy node
/// thread.
inline constexpr std::size_t kReadsPerGet = 64;
/// Frames, and bytes unless it is two frames, that wait for one lane's thread.
inline constexpr std::size_t kOutboxFrames = 8;
inline constexpr std::size_t kOutboxBytes = 2u << 20;

/// Frames that one fetch has room for at a time, at least and for each of its lanes, and the part of the pool that it
/// takes at most.
inline constexpr std::size_t kFetchWindowFrames = 32;
inline constexpr std::size_t kFetchWindowFramesPerLane = 8;
inline constexpr std::size_t kFetchPoolShare = 2;
/// A fetch has so many frames for each lane, so that the lanes come to its end together, unless they got smaller than
/// this.
inline constexpr std::size_t kFramesPerLane = 4;
inline constexpr std::size_t kFrameBytesMin = 128u << 10;
/// The part of PackConfig::room that one get's frames, read ahead and packed, take at most; all gets together leave
/// half of it free, for what is read to be sent.
inline constexpr std::size_t kPackRoomShare = 4;
/// PackMode::kAuto: a peer that brings so many bytes a second as they are is never tried packed (several cores pack and
/// unpack as much); of fetches of at least so many bytes, which are measured, one in so many goes the other way.
inline constexpr double kPackBelow = 1e9;
inline constexpr std::size_t kPackMeasureBytesMin = 4u << 20;
inline constexpr std::size_t kPackTrial = 16;

/// Fetches that have ended and of which the peer may still be sending.
inline constexpr std::size_t kEndedFetchesMax = 256;

/// From the question for a ticket until the peer's regions are open here: the first may take 10 ms each.
inline constexpr base::Duration kDirectOpenTimeout = std::chrono::seconds(10);
/// A first look-up waits for them so long after hello: less than the direct path saves, if it is there in time.
inline constexpr base::Duration kDirectOpenPatience = std::chrono::milliseconds(50);

inline constexpr base::Duration kAnnounceDelay = std::chrono::milliseconds(10);
inline constexpr std::size_t kSnapshotKeysMax = 65'536;
inline constexpr std::size_t kLogLinesPerPeerMax = 64;
inline constexpr std::size_t kLogPeersMax = 4096;

}  // namespace kvp2p
