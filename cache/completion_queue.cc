#include "cache/completion_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace kvp2p {

CompletionQueue::CompletionQueue() : event_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (event_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd: raise the limit on open files");
}

CompletionQueue::~CompletionQueue() { ::close(event_fd_); }

void CompletionQueue::push(const Completion& completion) {
  std::lock_guard lock(mutex_);
  const bool first = entries_.empty();
  if (entries_.size() == kCompletionsMax) entries_.pop_front();
  entries_.push_back(completion);
  if (first) ::eventfd_write(event_fd_, 1);
}

std::vector<Completion> CompletionQueue::drain() {
  std::lock_guard lock(mutex_);
  eventfd_t count = 0;
  ::eventfd_read(event_fd_, &count);
  std::vector<Completion> entries(entries_.begin(), entries_.end());
  entries_.clear();
  return entries;
}

}  // namespace kvp2p
