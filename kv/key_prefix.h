// What the index keeps of a block key, and what announcements by gossip carry of it.
#pragma once

#include "kv/block_key.h"

#include <cstdint>

namespace kvp2p {

/// A key's first 8 bytes, big-endian. Keys are SHA-256 digests: two of a million differ in them but once in 10^7 times.
/// What is known by a prefix is a hint; whoever asks the holder asks with the whole key.
using KeyPrefix = std::uint64_t;

inline KeyPrefix prefix_of(const BlockKey& key) {
  KeyPrefix prefix = 0;
  std::memcpy(&prefix, key.bytes.data(), sizeof prefix);
  return __builtin_bswap64(prefix);
}

/// What one key adds to the sum of a set (docs/protocol.md, "Announcements"): sums tell sets apart, and a key is added
/// and taken away in constant time. The finaliser of SplitMix64.
inline std::uint64_t summand_of(KeyPrefix prefix) {
  std::uint64_t x = prefix + 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace kvp2p
