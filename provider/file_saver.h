// Writes a file on a thread of its own, so that nobody waits for the disk.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace kvp2p {

/// Thread-safe. Destroying it writes what is still to be written.
class FileSaver {
 public:
  explicit FileSaver(std::filesystem::path path);
  ~FileSaver();
  FileSaver(const FileSaver&) = delete;
  FileSaver& operator=(const FileSaver&) = delete;

  /// Has the file replaced by `content`, for its owner alone (0600). Of several that wait the latest is written. What
  /// fails is logged, and tried again with the next.
  void save(std::string content);

 private:
  void run();

  const std::filesystem::path path_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> content_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace kvp2p
