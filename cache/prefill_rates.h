// How fast an engine computes prompts, as it reports.
#pragma once

#include "base/clock.h"
#include "kv/block_key.h"

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>

namespace kvp2p {

/// Fewer tokens at once say little: a GPU takes as long for one as for these.
inline constexpr std::size_t kPrefillTokensMin = 64;
inline constexpr std::size_t kPrefillModelsMax = 64;

/// Time for `tokens` tokens after `context` others: so much a token, and so much for each token that each attends to.
struct PrefillRate {
  double seconds_per_token = 0;
  double seconds_per_pair = 0;

  double seconds(std::size_t tokens, std::size_t context) const {
    const auto n = static_cast<double>(tokens);
    return seconds_per_token * n + seconds_per_pair * pairs(tokens, context);
  }
  static double pairs(std::size_t tokens, std::size_t context) {
    const auto n = static_cast<double>(tokens);
    return n * (static_cast<double>(context) + n / 2);
  }
};

/// Fits a PrefillRate to what was measured, by least squares; older measurements count less and less. Not thread-safe.
class PrefillFit {
 public:
  void add(std::size_t tokens, std::size_t context, base::Duration time);
  /// Nothing before the first. While all measurements are alike, and cannot tell the two parts apart, all is put down
  /// to the tokens.
  std::optional<PrefillRate> rate() const;

 private:
  // Sums of products: tokens, pairs, seconds.
  double tt_ = 0, tp_ = 0, pp_ = 0, ts_ = 0, ps_ = 0;
};

/// By model. Thread-safe.
class PrefillRates {
 public:
  void report(const Fingerprint& model, std::size_t tokens, std::size_t context, base::Duration time);
  std::optional<PrefillRate> get(const Fingerprint& model) const;

 private:
  mutable std::mutex mutex_;
  std::map<Fingerprint, PrefillFit> models_;
};

}  // namespace kvp2p
