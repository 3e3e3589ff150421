// What engine threads see of a match.
#pragma once

#include "base/spinning_condition.h"
#include "cache/completion_queue.h"
#include "cache/core_types.h"

#include <memory>
#include <mutex>
#include <optional>

namespace kvp2p {

/// Thread-safe; a lock of its own.
class MatchState {
 public:
  MatchState(MatchId id, MatchRequest request, std::shared_ptr<CompletionQueue> completions);

  MatchId id() const { return id_; }
  const MatchRequest& request() const { return request_; }

  void decide(MatchStatus status);
  /// Its leases have ended.
  void expire();

  MatchStatus status() const;
  bool expired() const;
  /// The status at the deadline at the latest; pending if it is not decided by then.
  MatchStatus wait(base::TimePoint deadline) const;
  base::Duration time_to_decide() const;

  /// Whether an equal request may join: while it is pending, or what it found is still fresh.
  bool joinable(base::TimePoint now) const;

 private:
  const MatchId id_;
  const MatchRequest request_;
  const std::shared_ptr<CompletionQueue> completions_;
  const base::TimePoint started_ = std::chrono::steady_clock::now();

  mutable std::mutex mutex_;
  mutable base::SpinningCondition changed_;
  MatchStatus status_;
  std::optional<base::TimePoint> decided_;
  bool expired_ = false;
};

/// The same fingerprint, keys and shards. Deadlines may differ.
bool same_question(const MatchRequest& a, const MatchRequest& b);
/// A hash of what same_question compares.
std::uint64_t question_hash(const MatchRequest& request);

}  // namespace kvp2p
