#include "kv/weights_manifest.h"

#include "base/log.h"
#include "kv/errors.h"
#include "kv/weights_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace kvp2p {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kManifestDomain = "kv-cache-p2p weights v1\n";
constexpr std::size_t kReadBytes = 1u << 20;

class File {
 public:
  explicit File(const fs::path& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }

  base::Result<FileIdentity> identity() const {
    struct stat status;
    if (fd_ < 0 || ::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode)) return KvError::kWeightsUnreadable;
    return FileIdentity::of(status);
  }

  base::Result<Sha256Digest> hash() const {
    ::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
    base::Bytes buffer(kReadBytes);
    Sha256 sha;
    sha.start({});
    for (;;) {
      const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return KvError::kWeightsUnreadable;
      if (n == 0) return sha.finish();
      sha.add(base::ConstBytes(buffer).first(static_cast<std::size_t>(n)));
    }
  }

 private:
  int fd_;
};

base::Result<Sha256Digest> digest_of_file(const fs::path& path, WeightsCache& cache) {
  const File file(path);
  const auto before = file.identity();
  if (!before) return before.error();
  if (const auto known = cache.find(path, *before)) return *known;
  LOG_INFO("hashing weights {} ({} MiB)", path.string(), before->bytes >> 20);
  const auto digest = file.hash();
  if (!digest) return digest.error();
  const auto after = file.identity();
  if (!after || *after != *before) return KvError::kWeightsChanged;
  cache.put(path, *before, *digest);
  return digest;
}

// Files are ordered by their digests, which do not depend on names.
std::string manifest_digest(std::vector<Sha256Digest> digests) {
  std::ranges::sort(digests);
  Sha256 sha;
  sha.start(kManifestDomain);
  sha.add_le32(static_cast<std::uint32_t>(digests.size()));
  for (const Sha256Digest& digest : digests) sha.add(digest);
  return base::to_hex(sha.finish());
}

}  // namespace

base::Result<std::vector<fs::path>> weight_files(const fs::path& model_dir) {
  std::error_code error;
  std::vector<fs::path> all;
  for (fs::directory_iterator at(model_dir, error), end; !error && at != end; at.increment(error)) {
    const std::string extension = at->path().extension().string();
    if (extension == ".safetensors" || extension == ".gguf" || extension == ".bin") all.push_back(at->path());
    if (all.size() > kWeightFilesMax) return KvError::kTooManyWeightFiles;
  }
  if (error) return KvError::kWeightsUnreadable;
  std::ranges::sort(all);
  for (std::string_view extension : {".safetensors", ".gguf", ".bin"}) {
    std::vector<fs::path> files;
    std::ranges::copy_if(all, std::back_inserter(files), [&](const auto& p) { return p.extension() == extension; });
    if (!files.empty()) return files;
  }
  return KvError::kNoWeights;
}

base::Result<std::string> digest_of_weight_files(std::span<const fs::path> files, const fs::path& cache_dir) {
  if (files.empty()) return KvError::kNoWeights;
  if (files.size() > kWeightFilesMax) return KvError::kTooManyWeightFiles;
  const fs::path cache_path = cache_dir / "weights.json";
  WeightsCache cache = cache_dir.empty() ? WeightsCache() : WeightsCache::load(cache_path);
  std::vector<Sha256Digest> digests;
  for (const fs::path& file : files) {
    std::error_code error;
    const fs::path path = fs::canonical(file, error);
    if (error) return KvError::kWeightsUnreadable;
    const auto digest = digest_of_file(path, cache);
    if (!digest) return digest.error();
    digests.push_back(*digest);
  }
  if (!cache_dir.empty() && cache.changed() && !cache.save(cache_path)) {
    LOG_WARN("cannot write {}: weights will be hashed again next time", cache_path.string());
  }
  return manifest_digest(std::move(digests));
}

base::Result<std::string> digest_of_weights(const fs::path& model_dir, const fs::path& cache_dir) {
  const auto files = weight_files(model_dir);
  if (!files) return files.error();
  return digest_of_weight_files(*files, cache_dir);
}

}  // namespace kvp2p
