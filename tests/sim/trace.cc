#include "tests/sim/trace.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cstdio>

namespace kvp2p::sim {

struct Trace::State {
  XXH3_state_t hash;
};

Trace::Trace() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->hash); }
Trace::~Trace() = default;

void Trace::note(char what, base::TimePoint when, std::uint64_t first, std::uint64_t second, base::ConstBytes content) {
  ++events_;
  const std::array<std::uint64_t, 5> event{static_cast<std::uint64_t>(what),
                                           static_cast<std::uint64_t>(when.time_since_epoch().count()), first, second,
                                           content.size()};
  XXH3_128bits_update(&state_->hash, event.data(), sizeof event);
  XXH3_128bits_update(&state_->hash, content.data(), content.size());
}

std::string Trace::digest() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(&state_->hash);
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return text.data();
}

}  // namespace kvp2p::sim
