#include "cache/fetch_decision.h"

#include <algorithm>
#include <cstdio>

namespace kvp2p {

namespace {

std::string with_commas(std::size_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string formatted(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string time_text(double seconds) {
  const double ms = seconds * 1e3;
  return formatted(ms < 10 ? "%.1f ms" : "%.0f ms", ms);
}

std::string rate_text(double bytes_per_second) {
  return bytes_per_second >= 1e9 ? formatted("%.1f GB/s", bytes_per_second / 1e9)
                                 : formatted("%.1f MB/s", bytes_per_second / 1e6);
}

std::string tokens_text(std::size_t blocks) { return with_commas(blocks * kBlockTokens) + " tokens"; }

/// Seconds until the first k blocks are here, for each k: each block from the source that would have it first.
std::vector<double> fetch_times(const FetchQuestion& question) {
  std::vector<double> ends;
  for (const auto& source : question.sources) {
    ends.push_back(source ? std::chrono::duration<double>(source->latency).count() : 0);
  }
  std::vector<double> times = {0};
  for (const auto& holders : question.holders) {
    std::size_t best = question.sources.size();
    double best_end = 0;
    for (const std::size_t holder : holders) {
      const double end =
          ends[holder] + static_cast<double>(question.block_bytes) / question.sources[holder]->bytes_per_second;
      if (best < question.sources.size() && end >= best_end) continue;
      best = holder;
      best_end = end;
    }
    if (best < question.sources.size()) ends[best] = best_end;
    times.push_back(std::max(times.back(), best_end));
  }
  return times;
}

struct Shown {
  std::size_t blocks = 0;
  double seconds = 0;
};

std::string fetch_text(const FetchQuestion& question, const Shown& fetched) {
  const double rate = static_cast<double>(fetched.blocks * question.block_bytes) / std::max(fetched.seconds, 1e-9);
  return time_text(fetched.seconds) + " at " + rate_text(rate);
}

std::string compute_text(const Shown& computed) {
  const double rate = static_cast<double>(computed.blocks * kBlockTokens) / std::max(computed.seconds, 1e-9);
  return time_text(computed.seconds) + " at " + with_commas(static_cast<std::size_t>(rate)) + " tokens/s";
}

}  // namespace

FetchDecision decide_fetch(const FetchQuestion& question, FetchPolicy policy) {
  const auto& holders = question.holders;
  const std::size_t all = holders.size();
  FetchDecision decision;
  decision.blocks = all;
  std::size_t here = 0;
  while (here < all && holders[here].empty()) ++here;
  const auto fetched_of = [&](std::size_t end) {
    return static_cast<std::size_t>(std::count_if(holders.begin(), holders.begin() + static_cast<std::ptrdiff_t>(end),
                                                  [](const auto& one) { return !one.empty(); }));
  };
  const std::size_t remote = fetched_of(all);
  if (remote == 0) return decision;
  const std::string what = tokens_text(remote);
  if (policy == FetchPolicy::kAlways) {
    decision.kind = FetchDecision::Kind::kAsConfigured;
    decision.text = "fetch: " + what + ", as configured";
    return decision;
  }
  bool measured = true;
  for (const auto& one : holders) {
    for (const std::size_t holder : one) measured = measured && question.sources[holder].has_value();
  }
  if (!question.prefill || !measured) {
    decision.kind = FetchDecision::Kind::kUnmeasured;
    decision.text = "fetch: " + what + ", to learn: " +
                    (measured ? "no prefill time was reported yet" : "how fast its holders are is not known");
    return decision;
  }

  const std::vector<double> fetch = fetch_times(question);
  const auto compute = [&](std::size_t from) {
    return question.prefill->seconds((all - from) * kBlockTokens, from * kBlockTokens);
  };
  std::size_t best = all;
  for (std::size_t k = all; k-- > here;) {
    if (fetch[k] + compute(k) < fetch[best] + compute(best)) best = k;
  }
  // What is here after a gap costs nothing to take, but only where the gap is filled.
  decision.blocks = best;
  decision.compute_time = std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(compute(here)));
  const Shown fetched{fetched_of(best), fetch[best]}, everything{remote, fetch[all]};
  const Shown computed{all - best, compute(best)}, all_computed{all - here, compute(here)};
  if (best == all) {
    decision.kind = FetchDecision::Kind::kFetch;
    decision.text = "fetch: " + what + " in " + fetch_text(question, everything) + ", recomputing would take " +
                    compute_text(all_computed);
  } else if (fetched.blocks == 0) {
    decision.kind = FetchDecision::Kind::kRecompute;
    decision.text = "recompute: " + tokens_text(all - best) + " in " + compute_text(computed) + ", fetch would take " +
                    fetch_text(question, everything);
  } else {
    decision.kind = FetchDecision::Kind::kFetchPart;
    decision.text = "fetch " + with_commas(fetched.blocks * kBlockTokens) + " of " + what + ": in " +
                    fetch_text(question, fetched) + ", the rest is recomputed in " + compute_text(computed) +
                    ", fetching all would take " + fetch_text(question, everything);
  }
  return decision;
}

}  // namespace kvp2p
