// Small files that are read and written whole: settings and lists. These block, if only for a disk's time.
#pragma once

#include "base/result.h"

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace base {

/// What tells one state of a file from another without reading it.
struct FileState {
  std::uint64_t device = 0, inode = 0, bytes = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;
  friend bool operator==(const FileState&, const FileState&) = default;
};

/// The system's error if there is no file.
Result<FileState> state_of_file(const std::filesystem::path& path);

/// The whole of a regular file. The system's errors; errc::not_supported for what is no regular file, and
/// errc::file_too_large for one of more than `bytes_max`.
Result<std::string> read_small_file(const std::filesystem::path& path, std::size_t bytes_max);

/// Puts `content` at `path` with `mode`: written beside it, synced and renamed, so that whoever reads finds the old
/// content or the new, also after a power cut. The system's errors; then the old content is still there.
Result<> write_small_file(const std::filesystem::path& path, std::string_view content, mode_t mode);

}  // namespace base
