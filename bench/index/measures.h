// What index_bench measures beside the index itself.
#pragma once

#include "bench/figures.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kvp2p::bench {

/// Microseconds of many calls, sorted.
class Spread {
 public:
  explicit Spread(std::vector<double> microseconds) : sorted_(std::move(microseconds)) {
    std::sort(sorted_.begin(), sorted_.end());
  }
  double at(double share) const {
    return sorted_[static_cast<std::size_t>(share * static_cast<double>(sorted_.size() - 1))];
  }
  std::size_t count() const { return sorted_.size(); }

 private:
  std::vector<double> sorted_;
};

/// Reads of cache lines far apart in memory of `bytes` on huge pages, `reads` of them a time.
struct ColdReads {
  /// Each address depends on the line read before.
  Spread dependent;
  /// All addresses are known: as many at a time as the processor can have under way.
  Spread independent;
};
ColdReads measure_cold_reads(std::size_t bytes, std::size_t reads, std::size_t times, std::uint64_t seed);

/// Hashing prompts of so many tokens, and as many messages of the same size by the digest library alone, in turns.
struct KeyRates {
  std::size_t message_bytes = 0;
  double keys_mb_s = 0;      // keys_from_tokens(), by the messages' bytes
  double library_mb_s = 0;   // EVP, a fetched digest and one context
  double one_shot_mb_s = 0;  // EVP_Digest() with the fetched digest
  double prompt_us = 0;
};
KeyRates measure_keys(std::size_t tokens, std::size_t rounds);

}  // namespace kvp2p::bench
