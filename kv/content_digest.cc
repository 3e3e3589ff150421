#include "kv/content_digest.h"

#include "kv/xxh3.h"

#include <cassert>

namespace kvp2p {

namespace {

static_assert(sizeof(ContentDigest) == 16 && sizeof(XXH128_canonical_t) == 16);

ContentDigest digest_of(const void* data, std::size_t size) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, xxh3_128(data, size));
  ContentDigest digest;
  std::copy(std::begin(canonical.digest), std::end(canonical.digest), digest.bytes.begin());
  return digest;
}

}  // namespace

void compute_leaves(base::ConstBytes slices, std::size_t head_slice_bytes, std::span<ContentDigest> leaves) {
  assert(head_slice_bytes > 0 && slices.size() == leaves.size() * head_slice_bytes);
  const std::uint8_t* slice = slices.data();
  for (ContentDigest& leaf : leaves) {
    leaf = digest_of(slice, head_slice_bytes);
    slice += head_slice_bytes;
  }
}

bool leaves_match(base::ConstBytes slices, std::size_t head_slice_bytes, std::span<const ContentDigest> leaves) {
  if (head_slice_bytes == 0 || slices.size() % head_slice_bytes != 0) return false;
  if (slices.size() / head_slice_bytes != leaves.size()) return false;
  const std::uint8_t* slice = slices.data();
  for (const ContentDigest& leaf : leaves) {
    if (digest_of(slice, head_slice_bytes) != leaf) return false;
    slice += head_slice_bytes;
  }
  return true;
}

ContentDigest root_of(std::span<const ContentDigest> leaves) {
  // Digests lie one after the other: bytes without padding.
  return digest_of(leaves.data(), leaves.size_bytes());
}

}  // namespace kvp2p
