// A settings file that may change while the node runs.
#pragma once

#include "base/small_file.h"

#include <optional>

namespace kvp2p {

/// Looks whether a file has changed, by its state, and reads it if so. Not thread-safe. Blocks for as long as a small
/// file takes.
class WatchedFile {
 public:
  WatchedFile(std::filesystem::path path, std::size_t bytes_max) : path_(std::move(path)), bytes_max_(bytes_max) {}

  const std::filesystem::path& path() const { return path_; }

  /// The next changed() reads it whatever its state: what it names may have changed.
  void look_anew() { looked_ = false; }

  /// Its content if it is another file, or has another state, than at the last call; nothing if not. A file that is not
  /// there or cannot be read is told once.
  std::optional<base::Result<std::string>> changed() {
    const auto state = base::state_of_file(path_);
    const std::optional<base::FileState> now = state ? std::optional(*state) : std::nullopt;
    if (looked_ && now == last_) return std::nullopt;
    looked_ = true;
    last_ = now;
    if (!state) return base::Result<std::string>(state.error());
    return base::read_small_file(path_, bytes_max_);
  }

 private:
  std::filesystem::path path_;
  std::size_t bytes_max_;
  bool looked_ = false;
  std::optional<base::FileState> last_;
};

}  // namespace kvp2p
