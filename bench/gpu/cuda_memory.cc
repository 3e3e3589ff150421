#include "bench/figures.h"
#include "bench/gpu/bench_memory.h"
#include "gpu/cuda_region.h"

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

/// A kvc_export of one CUDA IPC handle.
nlohmann::json to_json(const kvc_export& exported) {
  return {{"uuid", exported.device_uuid},
          {"offset", exported.offset},
          {"bytes", exported.bytes},
          {"allocation_bytes", exported.pieces[0].bytes},
          {"handle", exported.pieces[0].handle}};
}

/// Opens what to_json() has told; closed with it.
class Imported {
 public:
  Imported(const nlohmann::json& shared, int gpu) {
    kvc_piece piece = {};
    kvc_export exported = {};
    shared.at("uuid").get_to(exported.device_uuid);
    shared.at("handle").get_to(piece.handle);
    piece.fd = -1;
    piece.bytes = shared.at("allocation_bytes");
    exported.kind = KVC_MEMORY_IPC;
    exported.offset = shared.at("offset");
    exported.bytes = bytes_ = shared.at("bytes");
    exported.piece_count = 1;
    exported.pieces = &piece;
    kvc_import* import = nullptr;
    check(kvc_import_memory(&exported, gpu, &import, &start_), "import");
    import_.reset(import);
  }
  void* start() const { return start_; }
  std::size_t bytes() const { return bytes_; }

 private:
  CudaImportHandle import_;
  void* start_ = nullptr;
  std::size_t bytes_ = 0;
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
    std::vector<double> wall;
    const double events = by_events(rounds, copy, wall);
    const char* what = source == gpu_ ? "cudaMemcpy device to device" : "cudaMemcpyPeer";
    return {events, median(wall), what};
  }
  nlohmann::json share() override {
    kvc_export exported = {};
    check(kvc_export_memory(memory_.get(), bytes_, &exported), "export");
    nlohmann::json text = to_json(exported);
    kvc_export_free(&exported);
    return text;
  }
  std::optional<double> measure_paged_copy(const nlohmann::json& shared, const LayoutDesc& from, const LayoutDesc& to,
                                           const std::vector<IndexPair>& slots, int rounds) override {
    const Imported imported(shared, gpu_);
    const auto source = value_or_exit(make_cuda_region(gpu_, imported.start(), imported.bytes(), from), "region");
    const auto target = value_or_exit(make_cuda_region(gpu_, memory_.get(), bytes_, to), "region");
    std::vector<kvc_pair> pairs, layers;
    for (const IndexPair& pair : slots) pairs.push_back({pair.from, pair.to});
    for (std::uint32_t layer = 0; layer < to.layers.size(); ++layer) layers.push_back({layer, layer});
    std::vector<double> wall;
    return by_events(
        rounds,
        [&] {
          check(kvc_copy_blocks(source.get(), target.get(), pairs.data(), pairs.size(), layers.data(), layers.size(),
                                stream_),
                "paged copy");
        },
        wall);
  }
  std::optional<std::uint64_t> device_bytes_used() const override {
    std::uint64_t free = 0, total = 0;
    check(kvc_memory_info(gpu_, &free, &total), "memory info");
    return total - free;
  }

 private:
  /// The median by events; by the clock, waiting included, in `wall`.
  template <class Queue>
  double by_events(int rounds, Queue queue, std::vector<double>& wall) {
    std::vector<double> events;
    for (int i = -2; i < rounds; ++i) {
      const double seconds = seconds_of([&] {
        check(kvc_event_record(begin_, stream_), "event");
        queue();
        check(kvc_event_record(end_, stream_), "event");
        check(kvc_event_synchronize(end_), "a copy");
      });
      float milliseconds = 0;
      check(kvc_event_elapsed(begin_, end_, &milliseconds), "event");
      if (i < 0) continue;  // warms up
      events.push_back(milliseconds / 1e3);
      wall.push_back(seconds);
    }
    return median(events);
  }

  int gpu_;
  std::size_t bytes_;
  Allocation memory_;
  kvc_stream stream_ = nullptr;
  kvc_event begin_ = nullptr, end_ = nullptr;
};

}  // namespace

std::unique_ptr<BenchMemory> make_cuda_memory(int gpu, std::size_t bytes) {
  return std::make_unique<CudaMemory>(gpu, bytes);
}

}  // namespace kvp2p::bench
