#include "bench/gpu/bench_memory.h"

#include "bench/figures.h"
#include "gpu/shared_memory.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace kvp2p::bench {

namespace {

/// A mapping of a sealed memfd, so that a peer of this host can be given it.
class HostMemory final : public BenchMemory {
 public:
  explicit HostMemory(std::size_t bytes) : memory_(value_or_exit(SharedMemory::create(bytes), "shared memory")) {}

  RegionMemory region() const override { return memory_.as_region(); }
  std::uint8_t* host() override { return memory_.data(); }
  void write(std::size_t offset, base::ConstBytes bytes) override {
    std::memcpy(memory_.data() + offset, bytes.data(), bytes.size());
  }
  void read(std::size_t offset, base::MutableBytes bytes) override {
    std::memcpy(bytes.data(), memory_.data() + offset, bytes.size());
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
  SharedMemory memory_;
};

}  // namespace

void fail(const char* what, const std::string& why) {
  std::fprintf(stderr, "fetch_bench: %s: %s\n", what, why.c_str());
  std::exit(1);
}

std::unique_ptr<BenchMemory> make_bench_memory(std::optional<int> gpu, std::size_t bytes) {
  if (gpu) return make_cuda_memory(*gpu, bytes);
  return std::make_unique<HostMemory>(bytes);
}

}  // namespace kvp2p::bench
