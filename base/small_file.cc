#include "base/small_file.h"

#include "base/bytes.h"
#include "base/unique_fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace base {

namespace {

namespace fs = std::filesystem;

Error last_error() { return {errno, boost::system::system_category()}; }

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec; }

Result<> write_all(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = ::write(file, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(file) != 0) return last_error();
  return {};
}

}  // namespace

Result<FileState> state_of_file(const fs::path& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return last_error();
  return FileState{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
                   nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

Result<std::string> read_small_file(const fs::path& path, std::size_t bytes_max) {
  // Not waiting: the path may be a pipe.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status;
  if (!file || ::fstat(file.get(), &status) != 0) return last_error();
  if (!S_ISREG(status.st_mode)) return make_error_code(boost::system::errc::not_supported);
  std::string content(bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t count = ::read(file.get(), content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > bytes_max) return make_error_code(boost::system::errc::file_too_large);
  content.resize(size);
  return content;
}

Result<> write_small_file(const fs::path& path, std::string_view content, mode_t mode) {
  std::array<std::uint8_t, 8> random;
  random_bytes(random);
  const fs::path beside = path.string() + "." + to_hex(random);
  const UniqueFd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file) return last_error();
  Result<> written = write_all(file.get(), content);
  if (written && ::rename(beside.c_str(), path.c_str()) != 0) written = last_error();
  if (!written) {
    ::unlink(beside.c_str());
    return written;
  }
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const UniqueFd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) ::fsync(directory.get());
  return {};
}

}  // namespace base
