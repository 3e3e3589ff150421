#include "tests/sim/signatures.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace kvp2p::sim {

namespace {

std::pair<std::uint64_t, std::uint64_t> digest_of(std::initializer_list<base::ConstBytes> parts) {
  XXH3_state_t hash;
  XXH3_128bits_reset(&hash);
  for (base::ConstBytes part : parts) {
    const std::uint64_t size = part.size();
    XXH3_128bits_update(&hash, &size, sizeof size);
    XXH3_128bits_update(&hash, part.data(), part.size());
  }
  const XXH128_hash_t digest = XXH3_128bits_digest(&hash);
  return {digest.high64, digest.low64};
}

}  // namespace

base::Result<> CheckedSignatures::check(const libp2p::gossipsub::RawMessage& raw, const multiformats::PeerId& from) {
  const auto digest = digest_of({raw.from, raw.data.value_or(base::ConstBytes()), raw.seqno, raw.signature, raw.key,
                                 base::as_bytes(raw.topic), from.as_bytes()});
  return messages_.ask(digest, [&] { return libp2p::gossipsub::verify_message(raw, from); });
}

base::Result<libp2p::PeerRecord> CheckedSignatures::open_record(base::ConstBytes envelope) {
  return records_.ask(digest_of({envelope}), [&] { return libp2p::open_peer_record(envelope); });
}

}  // namespace kvp2p::sim
