#include "provider/host_key_lock.h"

#include "multiformats/host_key.h"
#include "provider/error.h"
#include "provider/node.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace kvp2p {

base::Result<HostKeyLock> HostKeyLock::acquire(const std::filesystem::path& config_dir) {
  for (int number = 1; number <= kHostKeysMax; ++number) {
    const auto path = config_dir / ("host" + suffix_of(number) + ".key");
    auto key = multiformats::load_or_create_host_key(path);
    if (!key) return key.error();
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NodeError::kConfigDirUnusable;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return HostKeyLock(fd, std::move(*key), number);
    ::close(fd);
  }
  return NodeError::kTooManyNodes;
}

HostKeyLock::HostKeyLock(HostKeyLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), key_(other.key_), number_(other.number_) {}

HostKeyLock& HostKeyLock::operator=(HostKeyLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  key_ = other.key_;
  number_ = other.number_;
  return *this;
}

HostKeyLock::~HostKeyLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace kvp2p
