// What the GPU layer's copies reach beside the plain copy of as many bytes on the same machine: a JSON line a figure,
// for part_copy.py,
//
//     {"name": "...", "bar": "gather", "gbps": 53.1, "floor": "cudaMemcpyAsync D2H", "floor_gbps": 55.0, "ratio":
//     0.965}
//
// in which both speeds are medians of runs taken in turn. Sources and targets rotate over more memory than the L2 cache
// holds, so that every run meets cold lines. --quick: fewer runs. Exits with 77 without a GPU.
#include "bench/figures.h"
#include "gpu/cuda_connector.h"
#include "gpu/cuda_region.h"
#include "gpu/cuda_status.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <future>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>

namespace kvp2p::bench {
namespace {

constexpr int kWarmUps = 3;
constexpr std::size_t kMiB = 1u << 20;
constexpr std::size_t kSliceBytes = 32u << 10;
/// H200: 60 MB of L2. Buffers in turn hold at least this much.
constexpr std::size_t kRotationBytes = 256 * kMiB;

void check(kvc_status status) {
  if (status != KVC_OK) throw std::runtime_error(std::string(kvc_status_text(status)) + ": " + kvc_last_error());
}

template <class T>
T check(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

struct DeviceBuffer {
  explicit DeviceBuffer(std::size_t bytes) { check(kvc_device_alloc(0, bytes, &start)); }
  ~DeviceBuffer() { kvc_device_free(0, start); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  void* start = nullptr;
};

/// One layer of K and V, bf16, 4 heads of 128: a slice is 32 KiB in the engine's memory.
LayoutDesc layout_of(bool wire_order, std::uint32_t blocks, Codec codec = Codec::kNone) {
  constexpr std::size_t kRow = 128 * 2, kHeads = 4;
  LayoutDesc layout;
  layout.format.element = ElementType::kBf16;
  layout.format.head_dim = 128;
  layout.format.shard = {0, 1, 0, kHeads};
  layout.format.codec = codec;
  layout.engine_blocks = blocks;
  if (wire_order) {  // [block][head][K|V][token][dim]
    layout.token_stride = kRow;
    layout.head_stride = 2 * kBlockTokens * kRow;
    layout.block_stride = kHeads * layout.head_stride;
    layout.layers = {{0, kBlockTokens * kRow}};
  } else {  // [K|V][block][token][head][dim]
    layout.head_stride = kRow;
    layout.token_stride = kHeads * kRow;
    layout.block_stride = kBlockTokens * layout.token_stride;
    layout.layers = {{0, blocks * layout.block_stride}};
  }
  return layout;
}

/// Random slots of a region, a new part of the permutation for each run.
class Slots {
 public:
  explicit Slots(std::uint32_t count) : order_(count) {
    std::iota(order_.begin(), order_.end(), 0u);
    std::shuffle(order_.begin(), order_.end(), std::mt19937(1));
  }
  Slot next() { return order_[at_++ % order_.size()]; }

 private:
  std::vector<Slot> order_;
  std::size_t at_ = 0;
};

struct Measured {
  std::string name;
  /// Of bars.py; empty where there is none.
  std::string bar;
  std::string floor;
  std::size_t bytes;
  std::function<double()> run, plain;  // seconds
  std::string note = {};
};

/// Both in turn, so that both meet the same clocks.
void measure(const Measured& what, int run_count) {
  std::vector<double> runs, floors;
  for (int i = -kWarmUps; i < run_count; ++i) {
    const double run = what.run(), plain = what.plain();
    if (i < 0) continue;
    runs.push_back(run);
    floors.push_back(plain);
  }
  const auto gbps = [&](const std::vector<double>& seconds) {
    return static_cast<double>(what.bytes) / median(seconds) / 1e9;
  };
  const double reached = gbps(runs), floor = gbps(floors);
  const std::string bar = what.bar.empty() ? "" : "\"bar\": \"" + what.bar + "\", ";
  const std::string note = what.note.empty() ? "" : ", \"note\": \"" + what.note + "\"";
  std::printf("{\"name\": \"%s\", %s\"gbps\": %.3f, \"floor\": \"%s\", \"floor_gbps\": %.3f, \"ratio\": %.4f%s}\n",
              what.name.c_str(), bar.c_str(), reached, what.floor.c_str(), floor, reached / floor, note.c_str());
  std::fflush(stdout);
}

/// Until the connector says so: waking this thread afterwards is no part of the copy, and the plain one spins.
double connector_seconds(GpuConnector& connector, RegionId region, std::vector<SliceCopy> slices, bool gathers) {
  const auto begin = std::chrono::steady_clock::now();
  std::promise<std::chrono::steady_clock::time_point> promise;
  base::Result<> outcome;
  auto done = [&](base::Result<> result) {
    const auto end = std::chrono::steady_clock::now();
    outcome = result;
    promise.set_value(end);
  };
  if (gathers) {
    connector.gather(region, std::move(slices), {}, done);
  } else {
    connector.scatter(region, std::move(slices), {}, done);
  }
  const auto end = promise.get_future().get();
  if (!outcome) throw std::runtime_error(outcome.error().message());
  return std::chrono::duration<double>(end - begin).count();
}

/// Bf16 of either sign, from 0.5 to 2: what codes have to be found for.
std::vector<std::uint16_t> elements(std::size_t bytes) {
  std::vector<std::uint16_t> all(bytes / 2);
  std::mt19937 random(2);
  for (auto& bits : all) bits = static_cast<std::uint16_t>((random() & 0x80ff) | 0x3f00);
  return all;
}

constexpr Codec kCodecs[] = {Codec::kInt8, Codec::kFp8, Codec::kInt4};
constexpr char kRateNote[] = "rates of the uncoded bytes";

class Bench {
 public:
  explicit Bench(int runs) : runs_(runs) {
    stream_ = check(make_cuda_stream(0));
    kvc_event event = nullptr;
    check(kvc_event_create(0, 1, &event));
    begin_.reset(event);
    check(kvc_event_create(0, 1, &event));
    end_.reset(event);
  }

  void through_the_connector() {
    constexpr std::size_t kBytes = 64 * kMiB, kHosts = 4;
    const auto connector = check(make_cuda_connector(0, "bench"));
    std::vector<std::shared_ptr<std::uint8_t[]>> hosts;
    for (std::size_t i = 0; i < kHosts; ++i) {
      hosts.push_back(check(connector->allocate_host(kBytes)));
      std::fill_n(hosts.back().get(), kBytes, static_cast<std::uint8_t>(i));
    }
    DeviceBuffer plain(kRotationBytes);
    std::size_t turn = 0;
    for (const bool wire_order : {false, true}) {
      const auto layout = layout_of(wire_order, kRotationBytes / kSliceBytes);
      DeviceBuffer memory(kRotationBytes);
      const RegionId region = check(connector->register_region({memory.start, kRotationBytes}, layout));
      Slots slots(layout.slots());
      const auto copy = [&](bool gathers, std::size_t bytes) {
        std::vector<SliceCopy> slices;
        std::uint8_t* host = hosts[turn++ % kHosts].get();
        for (std::size_t at = 0; at < bytes; at += kSliceBytes) slices.push_back({slots.next(), 0, host + at});
        return connector_seconds(*connector, region, std::move(slices), gathers);
      };
      const auto plain_copy = [&](bool down, std::size_t bytes) {
        auto* device = static_cast<std::uint8_t*>(plain.start) + turn % (kRotationBytes / kBytes) * kBytes;
        std::uint8_t* host = hosts[turn++ % kHosts].get();
        return seconds_of([&] {
          check(kvc_copy(down ? host : device, down ? device : host, bytes, stream_.get()));
          check(kvc_stream_synchronize(stream_.get()));
        });
      };
      const std::string order = wire_order ? "wire order" : "NHD";
      for (const std::size_t bytes : {kBytes, 8 * kMiB, kMiB, kMiB / 8}) {
        const std::string size =
            bytes >= kMiB ? std::to_string(bytes / kMiB) + " MiB" : std::to_string(bytes >> 10) + " KiB";
        measure(
            {"gather to pinned, " + order + ", " + size + " in 32 KiB blocks", bytes == kBytes ? "gather" : "",
             "cudaMemcpyAsync D2H", bytes, [&] { return copy(true, bytes); }, [&] { return plain_copy(true, bytes); }},
            runs_);
        measure({"scatter from pinned, " + order + ", " + size + " in 32 KiB blocks", bytes == kBytes ? "scatter" : "",
                 "cudaMemcpyAsync H2D", bytes, [&] { return copy(false, bytes); },
                 [&] { return plain_copy(false, bytes); }},
                runs_);
      }
      connector->unregister_region(region);
    }
  }

  /// By events: what the device takes, without queueing. One layer, so that every slice has an entry of its own in the
  /// tables; a model's layers share theirs, and part_fetch.py holds those copies to the bar.
  void on_the_device() {
    constexpr std::size_t kRegionBytes = 1024 * kMiB;
    DeviceBuffer from(kRegionBytes), to(kRegionBytes);
    for (const bool convert : {false, true}) {
      const auto from_layout = layout_of(false, kRegionBytes / kSliceBytes);
      const auto to_layout = layout_of(convert, kRegionBytes / kSliceBytes);
      const auto source = check(make_cuda_region(0, from.start, kRegionBytes, from_layout));
      const auto target = check(make_cuda_region(0, to.start, kRegionBytes, to_layout));
      Slots from_slots(from_layout.slots()), to_slots(to_layout.slots());
      for (const std::size_t mib : {512, 64, 8}) {
        const std::size_t bytes = mib * kMiB;
        const auto plain = [&] {
          const std::size_t at = turn_++ % (kRegionBytes / bytes) * bytes;
          return by_events([&] {
            return kvc_copy(static_cast<std::uint8_t*>(to.start) + at, static_cast<std::uint8_t*>(from.start) + at,
                            bytes, stream_.get());
          });
        };
        const std::string size = std::to_string(mib) + " MiB in 32 KiB blocks";
        measure(
            {std::string("copy_blocks, ") + (convert ? "NHD to wire order, " : "NHD to NHD, ") + size + ", one layer",
             "", "cudaMemcpyAsync D2D", bytes,
             [&] {
               std::vector<kvc_pair> slots;
               for (std::size_t i = 0; i < bytes / kSliceBytes; ++i)
                 slots.push_back({from_slots.next(), to_slots.next()});
               const kvc_pair layer = {0, 0};
               return by_events([&] {
                 return kvc_copy_blocks(source.get(), target.get(), slots.data(), slots.size(), &layer, 1,
                                        stream_.get());
               });
             },
             plain},
            runs_);
        if (convert || mib == 512) continue;
        std::vector<kvc_slice> slices(bytes / kSliceBytes);
        const auto fill = [&] {
          for (std::size_t i = 0; i < slices.size(); ++i) slices[i] = {from_slots.next(), 0, i * kSliceBytes};
          return static_cast<std::uint8_t*>(to.start) + turn_++ % (kRegionBytes / bytes) * bytes;
        };
        measure({"gather kernel to device memory, NHD, " + size, "", "cudaMemcpyAsync D2D", bytes,
                 [&] {
                   std::uint8_t* wire = fill();
                   return by_events([&] {
                     return kvc_gather(source.get(), slices.data(), slices.size(), wire, bytes, stream_.get());
                   });
                 },
                 plain},
                runs_);
        measure({"scatter kernel from device memory, NHD, " + size, "", "cudaMemcpyAsync D2D", bytes,
                 [&] {
                   const std::uint8_t* wire = fill();
                   return by_events([&] {
                     return kvc_scatter(source.get(), slices.data(), slices.size(), wire, bytes, stream_.get());
                   });
                 },
                 plain},
                runs_);
      }
    }
  }

  /// Coding where a block is gathered and decoding where it is scattered, beside the same without: the kernels by
  /// events, device memory to device memory, and through the connector, to and from pinned memory.
  void coded() {
    constexpr std::size_t kBytes = 64 * kMiB;
    DeviceBuffer engine(kRotationBytes), wire(kRotationBytes);
    const auto content = elements(kRotationBytes);
    check(kvc_copy(engine.start, content.data(), kRotationBytes, stream_.get()));
    check(kvc_stream_synchronize(stream_.get()));
    for (const Codec codec : kCodecs) {
      coded_kernels(codec, kBytes, engine, wire);
      coded_through_the_connector(codec, kBytes, engine);
    }
  }

 private:
  /// One region of the memory, and what is gathered of it or scattered into it.
  struct CodedSide {
    CodedSide(DeviceBuffer& engine, Codec codec)
        : layout(layout_of(false, kRotationBytes / kSliceBytes, codec)),
          region(check(make_cuda_region(0, engine.start, kRotationBytes, layout))),
          slots(layout.slots()) {}
    std::vector<kvc_slice> slices(std::size_t bytes) {
      std::vector<kvc_slice> all(bytes / kSliceBytes);
      for (std::size_t i = 0; i < all.size(); ++i) {
        all[i] = {slots.next(), 0, i * layout.format.layer_slice_bytes()};
      }
      return all;
    }

    LayoutDesc layout;
    CudaRegionHandle region;
    Slots slots;
  };

  void coded_kernels(Codec codec, std::size_t bytes, DeviceBuffer& engine, DeviceBuffer& wire) {
    CodedSide ours(engine, codec), plain(engine, Codec::kNone);
    // What is scattered is what was gathered before, into the same part of `wire`.
    const auto run = [&](CodedSide& side, bool gathers) {
      const auto slices = side.slices(bytes);
      auto* at = static_cast<std::uint8_t*>(wire.start) + turn_++ % (kRotationBytes / bytes) * bytes;
      if (!gathers) check(kvc_gather(side.region.get(), slices.data(), slices.size(), at, bytes, stream_.get()));
      return by_events([&] {
        return gathers ? kvc_gather(side.region.get(), slices.data(), slices.size(), at, bytes, stream_.get())
                       : kvc_scatter(side.region.get(), slices.data(), slices.size(), at, bytes, stream_.get());
      });
    };
    const std::string rest = std::string(name_of(codec)) + ", NHD, 64 MiB of bf16 in 32 KiB blocks";
    measure({"encode: gather kernel to device memory, " + rest, "", "gather kernel, uncoded", bytes,
             [&] { return run(ours, true); }, [&] { return run(plain, true); }, kRateNote},
            runs_);
    measure({"decode: scatter kernel from device memory, " + rest, "", "scatter kernel, uncoded", bytes,
             [&] { return run(ours, false); }, [&] { return run(plain, false); }, kRateNote},
            runs_);
  }

  void coded_through_the_connector(Codec codec, std::size_t bytes, DeviceBuffer& engine) {
    const auto connector = check(make_cuda_connector(0, "bench"));
    const auto host = check(connector->allocate_host(bytes));
    std::vector<RegionId> regions;
    const auto blocks = static_cast<std::uint32_t>(kRotationBytes / kSliceBytes);
    Slots slots(layout_of(false, blocks).slots());
    const auto side = [&](Codec with) {
      const LayoutDesc layout = layout_of(false, blocks, with);
      const RegionId region = check(connector->register_region({engine.start, kRotationBytes}, layout));
      regions.push_back(region);
      return [&connector, &host, &slots, bytes, region, slice = layout.format.layer_slice_bytes()](bool gathers) {
        std::vector<SliceCopy> slices;
        for (std::size_t i = 0; i < bytes / kSliceBytes; ++i)
          slices.push_back({slots.next(), 0, host.get() + i * slice});
        if (!gathers) connector_seconds(*connector, region, slices, true);
        return connector_seconds(*connector, region, std::move(slices), gathers);
      };
    };
    const auto ours = side(codec), plain = side(Codec::kNone);
    const std::string rest = std::string(name_of(codec)) + ", NHD, 64 MiB of bf16 in 32 KiB blocks";
    measure({"encode: gather to pinned, " + rest, "", "gather to pinned, uncoded", bytes, [&] { return ours(true); },
             [&] { return plain(true); }, kRateNote},
            runs_);
    measure({"decode: scatter from pinned, " + rest, "", "scatter from pinned, uncoded", bytes,
             [&] { return ours(false); }, [&] { return plain(false); }, kRateNote},
            runs_);
    for (const RegionId region : regions) connector->unregister_region(region);
  }

  double by_events(const std::function<kvc_status()>& queue) {
    check(kvc_event_record(begin_.get(), stream_.get()));
    check(queue());
    check(kvc_event_record(end_.get(), stream_.get()));
    check(kvc_event_synchronize(end_.get()));
    float ms = 0;
    check(kvc_event_elapsed(begin_.get(), end_.get(), &ms));
    return ms / 1e3;
  }

  const int runs_;
  CudaStream stream_;
  CudaEvent begin_, end_;
  std::size_t turn_ = 0;
};

}  // namespace
}  // namespace kvp2p::bench

int main(int argc, char** argv) {
  int count = 0;
  if (kvc_device_count(&count) != KVC_OK || count == 0) {
    std::printf("not run: %s\n", kvc_last_error());
    return 77;
  }
  try {
    const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
    kvp2p::bench::Bench bench(quick ? 5 : 20);
    bench.through_the_connector();
    bench.on_the_device();
    bench.coded();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "copy_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
