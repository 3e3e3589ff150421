// Wakes a thread that waits in poll().
#pragma once

#include "base/unique_fd.h"

#include <sys/eventfd.h>

namespace kvp2p::direct {

/// wake() from any thread.
class Waker {
 public:
  Waker() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  explicit operator bool() const { return static_cast<bool>(fd_); }
  int fd() const { return fd_.get(); }
  void wake() { ::eventfd_write(fd_.get(), 1); }
  void clear() {
    eventfd_t value = 0;
    ::eventfd_read(fd_.get(), &value);
  }

 private:
  base::UniqueFd fd_;
};

}  // namespace kvp2p::direct
