#include "bench/figures.h"
#include "bench/gpu/bench_memory.h"
#include "gpu/cuda/kvcache.h"

#include <algorithm>

namespace kvp2p::bench {

namespace {

void check(kvc_status status, const char* what) {
  if (status != KVC_OK) fail(what, std::string(kvc_status_text(status)) + ": " + kvc_last_error());
}

/// One stretch of cudaMalloc's memory.
class Allocation {
 public:
  Allocation(int gpu, std::size_t bytes) : gpu_(gpu) { check(kvc_device_alloc(gpu, bytes, &start_), "device memory"); }
  Allocation(const Allocation&) = delete;
  Allocation& operator=(const Allocation&) = delete;
  ~Allocation() { kvc_device_free(gpu_, start_); }
  std::uint8_t* get() const { return static_cast<std::uint8_t*>(start_); }

 private:
  int gpu_;
  void* start_ = nullptr;
};

class CudaMemory final : public BenchMemory {
 public:
  CudaMemory(int gpu, std::size_t bytes) : gpu_(gpu), bytes_(bytes), memory_(gpu, bytes) {
    check(kvc_stream_create(gpu, &stream_), "stream");
    check(kvc_event_create(gpu, 1, &begin_), "event");
    check(kvc_event_create(gpu, 1, &end_), "event");
  }
  ~CudaMemory() override {
    kvc_event_destroy(begin_);
    kvc_event_destroy(end_);
    kvc_stream_destroy(stream_);
  }

  RegionMemory region() const override {
    RegionMemory memory;
    memory.start = memory_.get();
    memory.bytes = bytes_;
    return memory;
  }
  void write(std::size_t offset, base::ConstBytes bytes) override {
    check(kvc_copy(memory_.get() + offset, bytes.data(), bytes.size(), stream_), "copy to the device");
    check(kvc_stream_synchronize(stream_), "copy to the device");
  }
  void read(std::size_t offset, base::MutableBytes bytes) override {
    check(kvc_copy(bytes.data(), memory_.get() + offset, bytes.size(), stream_), "copy from the device");
    check(kvc_stream_synchronize(stream_), "copy from the device");
  }
  PlainCopy measure_copy(std::size_t bytes, int rounds, int from_gpu) override {
    const int source = from_gpu < 0 ? gpu_ : from_gpu;
    const Allocation from(source, bytes);
    const Allocation to(gpu_, bytes);
    const auto copy = [&] {
      if (source == gpu_) {
        check(kvc_copy(to.get(), from.get(), bytes, stream_), "plain copy");
      } else {
        check(kvc_copy_peer(to.get(), gpu_, from.get(), source, bytes, stream_), "plain copy between GPUs");
      }
    };
    // Without peer access the driver would copy by way of the host.
    if (source != gpu_) check(kvc_enable_peer(gpu_, source), "peer access");
    std::vector<double> events, wall;
    for (int i = -2; i < rounds; ++i) {
      const double seconds = seconds_of([&] {
        check(kvc_event_record(begin_, stream_), "event");
        copy();
        check(kvc_event_record(end_, stream_), "event");
        check(kvc_event_synchronize(end_), "plain copy");
      });
      float milliseconds = 0;
      check(kvc_event_elapsed(begin_, end_, &milliseconds), "event");
      if (i < 0) continue;  // warms up
      events.push_back(milliseconds / 1e3);
      wall.push_back(seconds);
    }
    const char* what = source == gpu_ ? "cudaMemcpy device to device" : "cudaMemcpyPeer";
    return {median(events), median(wall), what};
  }
  std::optional<std::uint64_t> device_bytes_used() const override;

 private:
  int gpu_;
  std::size_t bytes_;
  Allocation memory_;
  kvc_stream stream_ = nullptr;
  kvc_event begin_ = nullptr, end_ = nullptr;
};

std::optional<std::uint64_t> CudaMemory::device_bytes_used() const {
  std::uint64_t free = 0, total = 0;
  check(kvc_memory_info(gpu_, &free, &total), "memory info");
  return total - free;
}

}  // namespace

std::unique_ptr<BenchMemory> make_cuda_memory(int gpu, std::size_t bytes) {
  return std::make_unique<CudaMemory>(gpu, bytes);
}

int visible_gpus(std::string& why_none) {
  int count = 0;
  if (kvc_device_count(&count) != KVC_OK) why_none = kvc_last_error();
  return count;
}

}  // namespace kvp2p::bench
