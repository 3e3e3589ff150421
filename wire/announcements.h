// What nodes gossip about the blocks that they hold, and ask each other where an index has missed some of it
// (docs/protocol.md, "Announcements by gossip"). Plain values; encode() and decode() turn them into bytes and back.
//
// A field that is left out of a message has the value that it is initialised with here.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "kv/key_prefix.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace kvp2p::wire {

/// Of one BlocksChanged, stored and evicted each; this implementation sends so many in all, which fits in the 60 KiB
/// that its gossip carries.
inline constexpr std::size_t kPrefixesMax = 4096;
/// The key space is divided into at most 2^12 parts.
inline constexpr unsigned kPartBitsMax = 12;
/// Of one question; and keys in one answer.
inline constexpr std::size_t kPartsMax = 256;
inline constexpr std::size_t kPartKeysMax = 65'536;
inline constexpr std::size_t kAnnouncementBytesMax = 600u << 10;
inline constexpr std::uint32_t kNextDigestMsMax = 600'000;

/// A node's time of life. Of two the one that started later is the newer; of equal ones the one of the larger epoch.
struct Incarnation {
  std::uint64_t started_ms = 0;  // Unix time
  std::uint64_t epoch = 0;
  auto operator<=>(const Incarnation&) const = default;
};

/// Gossip: what has changed since the message before. `cleared` counts first, then `evicted`, then `stored`.
struct BlocksChanged {
  Incarnation incarnation;
  /// Ascends by one a message of this incarnation and topic, from 1 on.
  std::uint64_t sequence = 0;
  bool cleared = false;
  std::vector<KeyPrefix> evicted;
  std::vector<KeyPrefix> stored;  // oldest first
  bool operator==(const BlocksChanged&) const = default;
};

/// Gossip, now and then: all that the sender holds, in two numbers.
struct BlocksDigest {
  Incarnation incarnation;
  /// Of the last BlocksChanged; 0 if there was none.
  std::uint64_t sequence = 0;
  std::uint64_t keys = 0;
  std::uint64_t sum = 0;  // of summand_of() of each
  /// When to expect the next one.
  std::uint32_t next_ms = 0;
  bool operator==(const BlocksDigest&) const = default;
};

/// Question to a holder: the sums of the 2^bits equal parts of the key space.
struct SumsWanted {
  std::uint32_t bits = 0;
  bool operator==(const SumsWanted&) const = default;
};

struct Sums {
  Incarnation incarnation;
  /// All changes up to this one are in it.
  std::uint64_t sequence = 0;
  std::uint32_t bits = 0;
  std::vector<std::uint64_t> sums;  // 2^bits
  bool operator==(const Sums&) const = default;
};

/// Question to a holder: all keys of these parts.
struct PartsWanted {
  std::uint32_t bits = 0;
  std::vector<std::uint32_t> parts;  // ascending
  bool operator==(const PartsWanted&) const = default;
};

/// The first ones of the parts asked for, as many as fit.
struct Parts {
  Incarnation incarnation;
  std::uint64_t sequence = 0;
  std::uint32_t bits = 0;
  std::vector<std::uint32_t> parts;
  std::vector<std::uint32_t> counts;  // keys of each
  std::vector<KeyPrefix> keys;        // part by part
  bool operator==(const Parts&) const = default;
};

using Announcement = std::variant<BlocksChanged, BlocksDigest, SumsWanted, Sums, PartsWanted, Parts>;

/// Which part of 2^bits a key lies in.
inline std::uint32_t part_of(KeyPrefix prefix, unsigned bits) {
  return static_cast<std::uint32_t>(prefix >> 1 >> (63 - bits));
}

base::Bytes encode_announcement(const Announcement& announcement);
/// Refuses what exceeds a bound or contradicts itself. WireError says what.
base::Result<Announcement> decode_announcement(base::ConstBytes bytes);

}  // namespace kvp2p::wire
