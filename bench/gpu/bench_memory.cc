#include "bench/gpu/bench_memory.h"

#include "bench/figures.h"
#include "gpu/shared_memory.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace kvp2p::bench {

namespace {

class HostMemory final : public BenchMemory {
 public:
  HostMemory(std::size_t bytes, bool shared) {
    if (shared) {
      // A mapping of a sealed memfd.
      shared_ = value_or_exit(SharedMemory::create(bytes), "shared memory");
      region_ = shared_.as_region();
    } else {
      private_.resize(bytes);
      region_ = {private_.data(), bytes, -1, 0};
    }
  }

  RegionMemory region() const override { return region_; }
  std::uint8_t* host() override { return static_cast<std::uint8_t*>(region_.start); }
  void write(std::size_t offset, base::ConstBytes bytes) override {
    std::memcpy(host() + offset, bytes.data(), bytes.size());
  }
  void read(std::size_t offset, base::MutableBytes bytes) override {
    std::memcpy(bytes.data(), host() + offset, bytes.size());
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
  SharedMemory shared_;
  std::vector<std::uint8_t> private_;
  RegionMemory region_;
};

}  // namespace

void fail(const char* what, const std::string& why) {
  std::fprintf(stderr, "fetch_bench: %s: %s\n", what, why.c_str());
  std::exit(1);
}

std::unique_ptr<BenchMemory> make_bench_memory(std::optional<int> gpu, std::size_t bytes, bool shared) {
  if (gpu) return make_cuda_memory(*gpu, bytes);
  return std::make_unique<HostMemory>(bytes, shared);
}

}  // namespace kvp2p::bench
