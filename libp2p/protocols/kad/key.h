// Places in Kademlia's key space (libp2p/specs kad-dht/README.md, "Distance"): SHA-256 of whatever is looked for, XOR
// as the distance. Pure.
#pragma once

#include "base/bytes.h"
#include "multiformats/peer_id.h"

#include <array>
#include <compare>
#include <cstddef>

namespace libp2p::kad {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kKeyBits = 8 * kKeyBytes;

/// Also a distance between two. A value.
struct Key {
  std::array<std::uint8_t, kKeyBytes> bytes{};

  friend bool operator==(const Key&, const Key&) = default;
  /// As big-endian numbers: which of two distances is less.
  friend std::strong_ordering operator<=>(const Key&, const Key&) = default;
};

/// Where the key of a record or of providers is: SHA-256 of its bytes.
Key key_of(base::ConstBytes bytes);
/// Where a peer is: SHA-256 of its id's binary form.
inline Key key_of(const multiformats::PeerId& peer) { return key_of(peer.as_bytes()); }

Key distance(const Key& a, const Key& b);
/// Whether `a` is nearer to `target` than `b` is.
bool is_closer(const Key& target, const Key& a, const Key& b);
/// Leading bits that are equal; kKeyBits for equal keys.
std::size_t common_prefix_bits(const Key& a, const Key& b);

/// What to announce oneself as provider of, and to look for: the SHA-256 multihash of `bytes`, the only form of key
/// that all implementations take.
base::Bytes provider_key(base::ConstBytes bytes);

}  // namespace libp2p::kad
