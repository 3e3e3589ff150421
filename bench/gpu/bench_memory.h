// The memory that a benchmark's engine keeps its KV in: a GPU's, or host memory that can be shared.
#pragma once

#include "base/bytes.h"
#include "gpu/connector.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvp2p::bench {

/// Medians of a plain copy from memory to memory.
struct PlainCopy {
  /// By the device's events; on host memory by the clock.
  double events_s = 0;
  /// By the clock, waiting included.
  double wall_s = 0;
  std::string what;
};

/// Not thread-safe. Ends the program with a message when the device fails: a benchmark has nothing to go on with.
class BenchMemory {
 public:
  virtual ~BenchMemory() = default;
  virtual RegionMemory region() const = 0;
  /// Host memory's start; null for a device's.
  virtual std::uint8_t* host() { return nullptr; }
  /// Both return when the bytes are in place.
  virtual void write(std::size_t offset, base::ConstBytes bytes) = 0;
  virtual void read(std::size_t offset, base::MutableBytes bytes) = 0;
  /// Copies `bytes` from memory of `from_gpu` (-1: of the same one) into memory of this one, `rounds` times.
  virtual PlainCopy measure_copy(std::size_t bytes, int rounds, int from_gpu) = 0;
  /// What another process needs to open this memory by the C interface; null for host memory.
  virtual nlohmann::json share() { return nullptr; }
  /// Seconds by the device's events, median, of the direct path's copy alone: blocks of memory that another process has
  /// shared into this memory, whose content is lost. Nothing for host memory.
  virtual std::optional<double> measure_paged_copy(const nlohmann::json& shared, const LayoutDesc& from,
                                                   const LayoutDesc& to, const std::vector<IndexPair>& slots,
                                                   int rounds) = 0;
  /// What is in use of the device, by all processes; nothing for host memory.
  virtual std::optional<std::uint64_t> device_bytes_used() const = 0;
};

/// `gpu`: as this process counts them; nothing: host memory, which peers of this host can be given if `shared`, and is
/// what malloc() gives otherwise.
std::unique_ptr<BenchMemory> make_bench_memory(std::optional<int> gpu, std::size_t bytes, bool shared);
std::unique_ptr<BenchMemory> make_cuda_memory(int gpu, std::size_t bytes);

[[noreturn]] void fail(const char* what, const std::string& why);

template <class T>
T value_or_exit(base::Result<T> result, const char* what) {
  if (!result) fail(what, result.error().message());
  return std::move(*result);
}

}  // namespace kvp2p::bench
