#include "cache/put_state.h"

namespace kvp2p {

void PutState::release_source() {
  std::lock_guard lock(mutex_);
  if (source_released_) return;
  source_released_ = true;
  completions_->push({Completion::Kind::kSourceReleased, static_cast<std::uint64_t>(id_), 0, true});
  changed_.notify_all();
}

void PutState::publish() {
  std::lock_guard lock(mutex_);
  if (published_) return;
  published_ = true;
  completions_->push({Completion::Kind::kPublished, static_cast<std::uint64_t>(id_), 0, report_.blocks_dropped == 0});
  changed_.notify_all();
}

void PutState::update_report(const std::function<void(PutReport&)>& update) {
  std::lock_guard lock(mutex_);
  update(report_);
}

bool PutState::source_released() const {
  std::lock_guard lock(mutex_);
  return source_released_;
}

bool PutState::published() const {
  std::lock_guard lock(mutex_);
  return published_;
}

PutReport PutState::report() const {
  std::lock_guard lock(mutex_);
  return report_;
}

base::Result<> PutState::wait_source_released(base::TimePoint deadline) const {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_until(lock, deadline, [this] { return source_released_; })) return KvError::kDeadline;
  return {};
}

base::Result<> PutState::wait_published(base::TimePoint deadline) const {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_until(lock, deadline, [this] { return published_; })) return KvError::kDeadline;
  if (report_.blocks_dropped > 0) return KvError::kDropped;
  return {};
}

}  // namespace kvp2p
