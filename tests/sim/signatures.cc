#include "tests/sim/signatures.h"

#include "libp2p/core/error.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace kvp2p::sim {

base::Result<> CheckedSignatures::check(const libp2p::gossipsub::RawMessage& raw, const multiformats::PeerId& from) {
  ++asked_;
  XXH3_state_t hash;
  XXH3_128bits_reset(&hash);
  const auto add = [&hash](base::ConstBytes bytes) {
    const std::uint64_t size = bytes.size();
    XXH3_128bits_update(&hash, &size, sizeof size);
    XXH3_128bits_update(&hash, bytes.data(), bytes.size());
  };
  for (base::ConstBytes part : {raw.from, raw.data.value_or(base::ConstBytes()), raw.seqno, raw.signature, raw.key,
                                base::as_bytes(raw.topic), from.as_bytes()}) {
    add(part);
  }
  const XXH128_hash_t digest = XXH3_128bits_digest(&hash);
  if (const auto at = known_.find(digest.low64); at != known_.end() && at->second.rest == digest.high64) {
    return at->second.good ? base::Result<>() : libp2p::Error::kBadSignature;
  }
  ++checked_;
  const auto result = libp2p::gossipsub::verify_message(raw, from);
  if (known_.insert_or_assign(digest.low64, Known{digest.high64, result.has_value()}).second) {
    order_.push_back(digest.low64);
  }
  if (order_.size() > kRememberedMax) {
    known_.erase(order_.front());
    order_.pop_front();
  }
  return result;
}

}  // namespace kvp2p::sim
