#include "provider/cluster_key.h"

#include "provider/error.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

namespace kvp2p {

namespace {

namespace fs = std::filesystem;

/// 64 digits and some white space.
constexpr std::size_t kFileBytesMax = 128;

std::optional<std::uint8_t> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

base::Result<base::Bytes> load(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return NodeError::kConfigDirUnusable;
  struct stat status;
  char text[kFileBytesMax];
  const bool known = ::fstat(fd, &status) == 0;
  const ssize_t size = known && S_ISREG(status.st_mode) ? ::read(fd, text, sizeof text) : -1;
  ::close(fd);
  if (size < 0) return NodeError::kClusterKeyFileBad;
  if (status.st_mode & (S_IRWXG | S_IRWXO)) return NodeError::kClusterKeyFileReadableByOthers;
  auto key = parse_cluster_key({text, static_cast<std::size_t>(size)});
  OPENSSL_cleanse(text, sizeof text);
  if (!key) return NodeError::kClusterKeyFileBad;
  return key;
}

bool make_folders(const fs::path& folder) {
  if (folder.empty() || ::access(folder.c_str(), F_OK) == 0) return true;
  if (!make_folders(folder.parent_path())) return false;
  return ::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST;
}

/// Writes a new key beside `path` and links it there, unless another process was first.
bool create(const fs::path& path) {
  if (!make_folders(path.parent_path())) return false;
  std::array<std::uint8_t, 8> random;
  base::random_bytes(random);
  const fs::path temporary = path.string() + "." + base::to_hex(random);
  base::Bytes key(kClusterKeyBytes);
  base::random_bytes(key);
  std::string text = base::to_hex(key) + "\n";
  OPENSSL_cleanse(key.data(), key.size());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  ::close(fd);
  OPENSSL_cleanse(text.data(), text.size());
  const bool linked = written && (::link(temporary.c_str(), path.c_str()) == 0 || errno == EEXIST);
  ::unlink(temporary.c_str());
  return linked;
}

}  // namespace

base::Result<base::Bytes> parse_cluster_key(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return NodeError::kBadClusterKey;
  text = text.substr(first, text.find_last_not_of(kSpace) - first + 1);
  if (text.size() != 2 * kClusterKeyBytes) return NodeError::kBadClusterKey;
  base::Bytes key;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = digit(text[i]), low = digit(text[i + 1]);
    if (!high || !low) return NodeError::kBadClusterKey;
    key.push_back(static_cast<std::uint8_t>(*high << 4 | *low));
  }
  return key;
}

base::Result<base::Bytes> load_or_create_cluster_key(const fs::path& path) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0 && errno == ENOENT && !create(path)) return NodeError::kConfigDirUnusable;
  return load(path);
}

}  // namespace kvp2p
