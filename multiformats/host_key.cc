#include "multiformats/host_key.h"

#include "multiformats/errors.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace multiformats {

namespace {

namespace fs = std::filesystem;

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

base::Result<PrivateKey> read_key(int fd) {
  base::Bytes bytes(kPrivateKeyBytesMax);
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t n = ::read(fd, bytes.data() + size, bytes.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Errc::kKeyFileUnreadable;
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  auto key = PrivateKey::from_protobuf(base::ConstBytes(bytes).first(size));
  OPENSSL_cleanse(bytes.data(), bytes.size());
  if (!key) return Errc::kKeyFileCorrupt;
  return key;
}

base::Result<PrivateKey> load(const fs::path& path) {
  // O_NONBLOCK: opening a pipe must not hang.
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return Errc::kKeyFileUnreadable;
  struct stat status;
  if (::fstat(file.fd(), &status) != 0) return Errc::kKeyFileUnreadable;
  if (!S_ISREG(status.st_mode)) return Errc::kKeyFileNotRegular;
  if (status.st_mode & (S_IRWXG | S_IRWXO)) return Errc::kKeyFileReadableByOthers;
  return read_key(file.fd());
}

bool make_folders(const fs::path& folder) {
  if (folder.empty() || ::access(folder.c_str(), F_OK) == 0) return true;
  if (!make_folders(folder.parent_path())) return false;
  return ::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST;
}

bool write_all(int fd, base::ConstBytes bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

// Writes a new key beside `path` and links it there unless another process was first: the file is whole when it
// appears.
base::Result<> create(const fs::path& path) {
  if (!make_folders(path.parent_path())) return Errc::kKeyFileUnwritable;
  std::array<std::uint8_t, 8> random;
  base::random_bytes(random);
  fs::path temporary = path;
  temporary += "." + base::to_hex(random);

  base::Bytes bytes = PrivateKey::generate().to_protobuf();
  bool ok = false;
  {
    const File file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    ok = file.is_open() && write_all(file.fd(), bytes) && ::fsync(file.fd()) == 0;
  }
  OPENSSL_cleanse(bytes.data(), bytes.size());
  ok = ok && (::link(temporary.c_str(), path.c_str()) == 0 || errno == EEXIST);
  ::unlink(temporary.c_str());
  if (!ok) return Errc::kKeyFileUnwritable;
  return {};
}

}  // namespace

base::Result<PrivateKey> load_or_create_host_key(const fs::path& path) {
  struct stat status;
  // lstat: a dangling link is a mistake to report, not a place to write a key.
  if (::lstat(path.c_str(), &status) != 0 && errno == ENOENT) {
    if (auto created = create(path); !created) return created.error();
  }
  return load(path);
}

}  // namespace multiformats
