// Self-describing digests (multiformats/multihash): uvarint code, uvarint length, digest. Pure functions.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace multiformats {

enum class HashCode : std::uint64_t {
  kIdentity = 0x00,  ///< the "digest" is the data itself
  kSha256 = 0x12,
};

/// Bound on an identity multihash's data.
inline constexpr std::size_t kIdentityBytesMax = 128;

struct Multihash {
  HashCode code = HashCode::kIdentity;
  base::Bytes digest;

  friend bool operator==(const Multihash&, const Multihash&) = default;
};

/// The multihash of `data`. REQUIRES: at most kIdentityBytesMax for identity.
Multihash make_multihash(HashCode code, base::ConstBytes data);

base::Bytes encode_multihash(const Multihash& hash);

/// Reads exactly one multihash: kUnknownHash, kBadDigestLength, kTruncated, kTrailingBytes, kTooLong or a varint's
/// error.
base::Result<Multihash> parse_multihash(base::ConstBytes bytes);

}  // namespace multiformats
