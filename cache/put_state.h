// What engine threads see of a put.
#pragma once

#include "cache/completion_queue.h"
#include "cache/core_types.h"
#include "cache/error.h"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

namespace kvp2p {

/// Thread-safe; a lock of its own.
class PutState {
 public:
  PutState(PutId id, std::shared_ptr<CompletionQueue> completions) : id_(id), completions_(std::move(completions)) {}

  PutId id() const { return id_; }

  void release_source();
  void publish();
  void update_report(const std::function<void(PutReport&)>& update);

  bool source_released() const;
  bool published() const;
  PutReport report() const;
  /// kDeadline.
  base::Result<> wait_source_released(base::TimePoint deadline) const;
  /// kDeadline; kDropped if not all blocks were published.
  base::Result<> wait_published(base::TimePoint deadline) const;

 private:
  const PutId id_;
  const std::shared_ptr<CompletionQueue> completions_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool source_released_ = false;
  bool published_ = false;
  PutReport report_;
};

}  // namespace kvp2p
