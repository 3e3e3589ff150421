// A host key of this user that no other running node uses.
#pragma once

#include "base/result.h"
#include "multiformats/keys.h"

#include <filesystem>
#include <string>

namespace kvp2p {

/// Holds the lock (flock) on the key's file while it lives; the system gives it up when the process ends, however it
/// ends.
class HostKeyLock {
 public:
  /// host.key, host-2.key and so on, up to kHostKeysMax: the first that nobody has locked, made if it is not there.
  static base::Result<HostKeyLock> acquire(const std::filesystem::path& config_dir);

  HostKeyLock(HostKeyLock&& other) noexcept;
  HostKeyLock& operator=(HostKeyLock&& other) noexcept;
  ~HostKeyLock();

  const multiformats::PrivateKey& key() const { return key_; }
  /// "" for the first, "-2" for the second: for names of other files that belong to this identity.
  std::string suffix() const { return suffix_of(number_); }

 private:
  HostKeyLock(int fd, multiformats::PrivateKey key, int number) : fd_(fd), key_(std::move(key)), number_(number) {}
  static std::string suffix_of(int number) { return number == 1 ? "" : "-" + std::to_string(number); }

  int fd_;
  multiformats::PrivateKey key_;
  int number_;
};

}  // namespace kvp2p
