#include "multiformats/multihash.h"

#include "multiformats/errors.h"
#include "multiformats/varint.h"

#include <openssl/sha.h>

#include <cassert>

namespace multiformats {

Multihash make_multihash(HashCode code, base::ConstBytes data) {
  Multihash hash{code, {}};
  if (code == HashCode::kIdentity) {
    assert(data.size() <= kIdentityBytesMax);
    hash.digest = base::to_bytes(data);
  } else {
    assert(code == HashCode::kSha256);
    hash.digest.resize(SHA256_DIGEST_LENGTH);
    SHA256(data.data(), data.size(), hash.digest.data());
  }
  return hash;
}

base::Bytes encode_multihash(const Multihash& hash) {
  base::Bytes bytes;
  append_uvarint(bytes, static_cast<std::uint64_t>(hash.code));
  append_uvarint(bytes, hash.digest.size());
  base::append(bytes, hash.digest);
  return bytes;
}

base::Result<Multihash> parse_multihash(base::ConstBytes bytes) {
  const auto code = read_uvarint(bytes);
  if (!code) return code.error() == Errc::kIncomplete ? Errc::kTruncated : code.error();
  bytes = bytes.subspan(code->size);
  const auto length = read_uvarint(bytes);
  if (!length) return length.error() == Errc::kIncomplete ? Errc::kTruncated : length.error();
  bytes = bytes.subspan(length->size);

  if (code->value != static_cast<std::uint64_t>(HashCode::kIdentity) &&
      code->value != static_cast<std::uint64_t>(HashCode::kSha256)) {
    return Errc::kUnknownHash;
  }
  const auto known = static_cast<HashCode>(code->value);
  if (known == HashCode::kSha256 && length->value != SHA256_DIGEST_LENGTH) return Errc::kBadDigestLength;
  if (known == HashCode::kIdentity && length->value > kIdentityBytesMax) return Errc::kTooLong;
  if (bytes.size() < length->value) return Errc::kTruncated;
  if (bytes.size() > length->value) return Errc::kTrailingBytes;
  return Multihash{known, base::to_bytes(bytes)};
}

}  // namespace multiformats
