#include "cache/match_state.h"

namespace kvp2p {

namespace {

/// A hit is joined for half of the time that its leases live; less than a hit for a second: a peer may have it by then.
constexpr base::Duration kHitFreshTime = std::chrono::seconds(15);
constexpr base::Duration kShortFreshTime = std::chrono::seconds(1);

}  // namespace

MatchState::MatchState(MatchId id, MatchRequest request, std::shared_ptr<CompletionQueue> completions)
    : id_(id), request_(std::move(request)), completions_(std::move(completions)) {
  status_.present.assign(request_.keys.size(), false);
  status_.sources.assign(request_.keys.size(), Source::kNone);
}

void MatchState::decide(MatchStatus status) {
  std::lock_guard lock(mutex_);
  if (decided_) return;
  status.pending = false;
  status_ = std::move(status);
  decided_ = std::chrono::steady_clock::now();
  completions_->push({Completion::Kind::kMatch, static_cast<std::uint64_t>(id_), 0, status_.blocks > 0});
  changed_.notify_all();
}

void MatchState::expire() {
  std::lock_guard lock(mutex_);
  expired_ = true;
}

MatchStatus MatchState::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

bool MatchState::expired() const {
  std::lock_guard lock(mutex_);
  return expired_;
}

MatchStatus MatchState::wait(base::TimePoint deadline) const {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return !status_.pending; });
  return status_;
}

base::Duration MatchState::time_to_decide() const {
  std::lock_guard lock(mutex_);
  return decided_ ? *decided_ - started_ : base::Duration::zero();
}

bool MatchState::joinable(base::TimePoint now) const {
  std::lock_guard lock(mutex_);
  if (!decided_) return true;
  const bool hit = status_.blocks == request_.keys.size();
  return !expired_ && now - *decided_ < (hit ? kHitFreshTime : kShortFreshTime);
}

bool same_question(const MatchRequest& a, const MatchRequest& b) {
  return a.fingerprint == b.fingerprint && a.shards == b.shards && a.keys == b.keys;
}

std::uint64_t question_hash(const MatchRequest& request) {
  // The last key stands for all before it: keys are chained. Opaque keys are not, but they are digests as well.
  std::uint64_t hash = std::hash<Fingerprint>()(request.fingerprint) ^ request.keys.size();
  if (!request.keys.empty()) hash ^= std::hash<BlockKey>()(request.keys.back());
  return hash;
}

}  // namespace kvp2p
