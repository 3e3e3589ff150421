#include "bench/gpu/bench_memory.h"

#include "base/unique_fd.h"
#include "bench/figures.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace kvp2p::bench {

namespace {

/// A shared mapping of a memfd, so that a peer of this host can be given it.
class HostMemory final : public BenchMemory {
 public:
  explicit HostMemory(std::size_t bytes) : bytes_(bytes), fd_(::memfd_create("fetch_bench", MFD_CLOEXEC)) {
    if (!fd_ || ::ftruncate(fd_.get(), static_cast<off_t>(bytes)) != 0) fail("memfd", std::strerror(errno));
    void* start = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_.get(), 0);
    if (start == MAP_FAILED) fail("mmap", std::strerror(errno));
    start_ = static_cast<std::uint8_t*>(start);
  }
  ~HostMemory() override { ::munmap(start_, bytes_); }

  RegionMemory region() const override { return {start_, bytes_, fd_.get(), 0}; }
  void write(std::size_t offset, base::ConstBytes bytes) override {
    std::memcpy(start_ + offset, bytes.data(), bytes.size());
  }
  void read(std::size_t offset, base::MutableBytes bytes) override {
    std::memcpy(bytes.data(), start_ + offset, bytes.size());
  }
  PlainCopy measure_copy(std::size_t bytes, int rounds, int) override {
    std::vector<std::uint8_t> from(bytes, 1), to(bytes, 2);
    std::vector<double> seconds;
    for (int i = 0; i < rounds; ++i) {
      seconds.push_back(seconds_of([&] { std::memcpy(to.data(), from.data(), bytes); }));
      from[static_cast<std::size_t>(i) % bytes] ^= to[bytes / 2];
    }
    return {median(seconds), median(seconds), "memcpy, one thread"};
  }
  std::optional<double> measure_paged_copy(const nlohmann::json&, const LayoutDesc&, const LayoutDesc&,
                                           const std::vector<IndexPair>&, int) override {
    return std::nullopt;
  }
  std::optional<std::uint64_t> device_bytes_used() const override { return std::nullopt; }

 private:
  std::size_t bytes_;
  base::UniqueFd fd_;
  std::uint8_t* start_ = nullptr;
};

}  // namespace

void fail(const char* what, const std::string& why) {
  std::fprintf(stderr, "fetch_bench: %s: %s\n", what, why.c_str());
  std::exit(1);
}

std::unique_ptr<BenchMemory> make_bench_memory(bool cuda, int gpu, std::size_t bytes) {
  if (cuda) return make_cuda_memory(gpu, bytes);
  return std::make_unique<HostMemory>(bytes);
}

}  // namespace kvp2p::bench
