// The messages of the KV protocol (docs/protocol.md). Plain values; wire/codec.h turns them into bytes and back.
//
// A field that is left out of a message has the value that it is initialised with here.
#pragma once

#include "base/bytes.h"
#include "kv/block_key.h"
#include "kv/content_digest.h"
#include "kv/model_spec.h"
#include "kv/object_format.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kvp2p::wire {

using Nonce = std::array<std::uint8_t, 32>;
using Mac = std::array<std::uint8_t, 32>;
using SessionId = std::array<std::uint8_t, 16>;
using GossipTag = std::array<std::uint8_t, 16>;

/// Bits of Hello::capabilities. Unknown ones are ignored.
inline constexpr std::uint64_t kCanServe = 1;
inline constexpr std::uint64_t kCanTakePuts = 2;
inline constexpr std::uint64_t kAnnounces = 4;
/// Answers direct_open: peers of the same host may read its blocks in place.
inline constexpr std::uint64_t kDirect = 8;
/// Answers counts.
inline constexpr std::uint64_t kCounts = 16;
/// Packs the frames of gets that allow it.
inline constexpr std::uint64_t kPacks = 32;
/// Sends several layers in one frame, for gets that allow it.
inline constexpr std::uint64_t kJoinsLayers = 64;

/// What the sender of a hello accepts.
struct PeerLimits {
  std::uint32_t keys_max = 0;
  std::uint32_t requests_in_flight_max = 0;
  std::uint64_t frame_bytes_max = 0;
  std::uint64_t bytes_in_flight_max = 0;
  bool operator==(const PeerLimits&) const = default;
};

struct Hello {
  std::vector<std::uint32_t> versions;
  std::uint64_t capabilities = 0;
  std::uint64_t epoch = 0;
  PeerLimits limits;
  Nonce nonce{};
  std::string agent;
  /// Whose gossip the sender takes part in; absent: nobody's.
  std::optional<GossipTag> gossip = {};
  bool operator==(const Hello&) const = default;
};

/// Absent: the sender has no cluster key.
struct HelloProof {
  std::optional<Mac> mac;
  bool operator==(const HelloProof&) const = default;
};

struct HelloResult {
  /// The receiver may ask the sender.
  bool authorised = false;
  /// What the receiver shows on the data streams that it opens to the sender.
  std::optional<SessionId> session;
  /// Why not, for people.
  std::string reason;
  bool operator==(const HelloResult&) const = default;
};

struct Lease {
  std::uint64_t epoch = 0;
  std::uint64_t id = 0;
  std::array<std::uint8_t, 16> mac{};
  bool operator==(const Lease&) const = default;
};

struct Lookup {
  Fingerprint fingerprint;
  ModelFields model_fields;
  ObjectFormat format;
  std::vector<BlockKey> keys;
  std::uint32_t lease_ms = 0;
  bool operator==(const Lookup&) const = default;
};

/// Where a block lies in memory that the owner has handed over on the direct path.
struct Place {
  std::uint64_t region = 0;
  std::uint32_t slot = 0;
  std::uint64_t generation = 0;
  bool operator==(const Place&) const = default;
};

struct LookupAnswer {
  /// One a key asked for.
  std::vector<bool> present;
  /// One a block present, in order: kvp2p::Tier's value.
  base::Bytes tiers;
  /// One a block present: whether `roots` has its root.
  std::vector<bool> has_root;
  std::vector<ContentDigest> roots;
  /// What the roots are of.
  ObjectFormat format;
  std::optional<Lease> lease;
  std::uint32_t lease_ms = 0;
  std::uint64_t expected_bytes_per_second = 0;
  std::string reason;
  /// Empty, or one a block present: whether `places` has its place.
  std::vector<bool> has_place;
  std::vector<Place> places;
  bool operator==(const LookupAnswer&) const = default;
};

struct Get {
  Lease lease;
  ObjectFormat format;
  /// Indices into the lookup's keys.
  std::uint32_t first_block = 0;
  std::uint32_t blocks = 0;
  /// Model layers in the order wanted.
  std::vector<std::uint32_t> layers;
  std::uint32_t head_begin = 0;
  std::uint32_t head_end = 0;
  /// Frames that the receiver has room for now, each of at most frame_bytes_max payload.
  std::uint32_t credit = 0;
  std::uint64_t frame_bytes_max = 0;
  /// Data streams that it may be sent on, by the numbers in their stream_open.
  std::vector<std::uint32_t> streams;
  /// How long the asker waits.
  std::uint32_t time_ms = 0;
  /// Frames may come packed (codec/byte_planes.h). To peers with kPacks only.
  bool may_pack = false;
  /// A frame may hold several layers. To peers with kJoinsLayers only.
  bool may_join = false;
  bool operator==(const Get&) const = default;
};

struct Credit {
  std::uint32_t frames = 0;
  bool operator==(const Credit&) const = default;
};

struct BlockRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  bool operator==(const BlockRange&) const = default;
};

/// Blocks of a get that the holder cannot serve any more. Sent as soon as it is known.
struct Gone {
  std::vector<BlockRange> ranges;
  bool operator==(const Gone&) const = default;
};

/// Everything that a get asked for has been sent or is gone. May overtake frames: the get is complete when `frames` of
/// them have come. Sent again after each `lost`.
struct GetEnd {
  std::uint32_t frames = 0;
  /// Messages `lost` of this get that the holder has dealt with.
  std::uint32_t losses = 0;
  /// How many went over which stream; both empty if all went over one.
  std::vector<std::uint32_t> streams = {};
  std::vector<std::uint32_t> counts = {};
  bool operator==(const GetEnd&) const = default;
};

struct Cancel {
  bool operator==(const Cancel&) const = default;
};

struct Busy {
  std::uint32_t retry_after_ms = 0;
  bool operator==(const Busy&) const = default;
};

enum class ErrorCode : std::uint32_t {
  kNotAuthorised = 1,
  kBadRequest = 2,
  kUnsupported = 3,
  kLeaseUnknown = 4,
  kShardNotHeld = 5,
  kTimeout = 6,
  kCorrupt = 7,
  kInternal = 8,
};

struct ErrorMessage {
  /// An unknown number is kInternal to its reader.
  std::uint32_t code = 0;
  std::string reason;
  bool operator==(const ErrorMessage&) const = default;
};

struct Put {
  Fingerprint fingerprint;
  ModelFields model_fields;
  ObjectFormat format;
  std::vector<BlockKey> keys;
  std::uint32_t time_ms = 0;
  bool operator==(const Put&) const = default;
};

struct PutAnswer {
  /// One a key offered.
  std::vector<bool> wanted;
  std::uint64_t frame_bytes_max = 0;
  bool operator==(const PutAnswer&) const = default;
};

/// The receiver of a put has dealt with every block that it wanted.
struct PutEnd {
  std::uint32_t stored = 0;
  bool operator==(const PutEnd&) const = default;
};

struct Announce {
  /// Ascends by one a message of a session.
  std::uint64_t sequence = 0;
  /// What was announced before is void.
  bool cleared = false;
  Fingerprint fingerprint;
  std::optional<ObjectFormat> format;  // of what is stored
  std::vector<BlockKey> stored;        // oldest first
  std::vector<BlockKey> evicted;
  bool operator==(const Announce&) const = default;
};

struct Ping {
  bool operator==(const Ping&) const = default;
};
struct Pong {
  bool operator==(const Pong&) const = default;
};
struct Stats {
  bool operator==(const Stats&) const = default;
};

struct StatsAnswer {
  std::vector<std::pair<std::string, std::uint64_t>> counters;
  bool operator==(const StatsAnswer&) const = default;
};

struct Release {
  Lease lease;
  bool operator==(const Release&) const = default;
};

/// First message of a data stream, instead of a hello.
struct StreamOpen {
  SessionId session{};
  /// Chosen by the opener; a get names it.
  std::uint32_t number = 0;
  bool operator==(const StreamOpen&) const = default;
};

/// Before each payload on a data stream. The envelope's id is the request's. Payload follows at once, `length` bytes in
/// wire order: layer after layer, of each layer block after block. Or, if it is packed, `packed` bytes instead, of
/// which the others are made.
struct FrameHeader {
  std::uint32_t first_block = 0;
  std::uint32_t blocks = 0;
  std::uint32_t layer = 0;
  std::uint32_t layers = 0;
  /// Where the payload begins within what the header names; 0 in version 1.
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::vector<ContentDigest> leaves;  // of what is not packed
  /// Less than length; 0: not packed.
  std::uint32_t packed = 0;
  /// What follows the header.
  std::uint32_t wire_bytes() const { return packed > 0 ? packed : length; }
  bool operator==(const FrameHeader&) const = default;
};

/// Asks for a way to the sender's memory, for a reader on the same host.
struct DirectOpen {
  bool operator==(const DirectOpen&) const = default;
};

struct DirectTicket {
  /// Of a Unix socket in the abstract namespace.
  std::string socket;
  std::array<std::uint8_t, 32> nonce{};
  bool operator==(const DirectTicket&) const = default;
};

/// More data streams that the frames of a get may come on.
struct Streams {
  std::vector<std::uint32_t> streams;
  bool operator==(const Streams&) const = default;
};

/// A data stream has ended, and only so many of a get's frames came over it: the rest are to be sent over others.
struct Lost {
  std::uint32_t stream = 0;
  std::uint32_t frames = 0;
  bool operator==(const Lost&) const = default;
};

/// Asks, about a get under way, how many of its frames went over which data stream.
struct Counts {
  bool operator==(const Counts&) const = default;
};

struct CountsAnswer {
  /// Messages `lost` of this get that the holder has dealt with.
  std::uint32_t losses = 0;
  /// Frames whose sending has begun, by stream.
  std::vector<std::uint32_t> streams = {};
  std::vector<std::uint32_t> counts = {};
  bool operator==(const CountsAnswer&) const = default;
};

/// In the order of the message numbers, which begin at 1 and are never reused.
using Body = std::variant<Hello, HelloProof, HelloResult, Lookup, LookupAnswer, Get, Credit, Gone, GetEnd, Cancel, Busy,
                          ErrorMessage, Put, PutAnswer, PutEnd, Announce, Ping, Pong, Stats, StatsAnswer, Release,
                          StreamOpen, FrameHeader, DirectOpen, DirectTicket, Streams, Lost, Counts, CountsAnswer>;

struct Message {
  /// Number of the request that it asks or answers; 0 where there is none.
  std::uint64_t id = 0;
  Body body;
  bool operator==(const Message&) const = default;
};

}  // namespace kvp2p::wire
