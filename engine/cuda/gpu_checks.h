// What the GPU tests share: buffers that notice writes beyond their end, and comparisons that say what differs.
#pragma once

#include "engine/cuda/device_memory.h"
#include "engine/cuda/kernels.h"
#include "engine/cuda/stream.h"
#include "engine/kv_pages.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace kvp2p::engine::cuda::checks {

std::uint16_t to_bf16(float x);
float to_float(std::uint16_t x);
std::vector<float> to_floats(std::span<const std::uint16_t> x);
std::vector<std::uint16_t> to_bf16s(std::span<const float> x);

/// One GPU and the run's result. Prints a line a case: "ok <case>" or "FAILED <case>: <what>".
class Checks {
 public:
  explicit Checks(const Stream& stream) : stream_(stream) {}

  const Stream& stream() const { return stream_; }
  kvc_stream queue() const { return stream_.get(); }
  void say(const std::string& name, bool ok, const std::string& what = "");
  /// |got - expected| <= absolute + relative * |expected| for all; says which differs first and how many do.
  void close(const std::string& name, std::span<const float> got, std::span<const float> expected, double relative,
             double absolute);
  void equal(const std::string& name, std::span<const std::uint16_t> got, std::span<const std::uint16_t> expected);
  void cosine(const std::string& name, std::span<const float> got, std::span<const float> expected, double least);
  std::size_t failures() const { return failures_; }
  std::size_t cases() const { return cases_; }

 private:
  const Stream& stream_;
  std::size_t cases_ = 0;
  std::size_t failures_ = 0;
};

/// Device memory with guards behind it; filled with 0xff, which is NaN in every type here, unless made from values.
template <class T>
class Buffer {
 public:
  Buffer(Checks& checks, std::size_t count) : Buffer(checks, poison(count)) {}
  Buffer(Checks& checks, const std::vector<T>& values) : checks_(checks), count_(values.size()) {
    auto memory = DeviceMemory::allocate(checks.stream().device(), bytes());
    if (!memory) {
      std::printf("FAILED: no GPU memory for a test buffer of %zu bytes\n", bytes());
      std::exit(1);
    }
    memory_ = std::move(*memory);
    std::vector<std::uint8_t> all(bytes(), 0xff);
    std::memcpy(all.data(), values.data(), count_ * sizeof(T));
    static_cast<void>(checks.stream().copy(memory_.data(), all.data(), all.size()));
    static_cast<void>(checks.stream().synchronize());
  }
  ~Buffer() { static_cast<void>(checks_.stream().synchronize()); }
  Buffer(const Buffer&) = delete;

  T* data() const { return static_cast<T*>(memory_.data()); }
  /// Waits; a failed launch, a failed device and a write beyond the end are said, as failures of `name`.
  std::vector<T> read(const std::string& name) {
    std::vector<std::uint8_t> all(bytes());
    auto ok = checks_.stream().check_launches();
    if (ok) ok = checks_.stream().synchronize();
    if (ok) ok = checks_.stream().copy(all.data(), memory_.data(), all.size());
    if (ok) ok = checks_.stream().synchronize();
    if (!ok) checks_.say(name, false, ok.error().message());
    for (std::size_t i = count_ * sizeof(T); i < all.size(); ++i) {
      if (ok && all[i] != 0xff) {
        checks_.say(name, false, "wrote " + std::to_string(i - count_ * sizeof(T)) + " bytes beyond the end");
        break;
      }
    }
    std::vector<T> values(count_);
    std::memcpy(values.data(), all.data(), count_ * sizeof(T));
    return values;
  }

 private:
  static constexpr std::size_t kGuardBytes = 1024;
  static std::vector<T> poison(std::size_t count) {
    std::vector<T> values(count);
    std::memset(values.data(), 0xff, count * sizeof(T));
    return values;
  }
  std::size_t bytes() const { return count_ * sizeof(T) + kGuardBytes; }

  Checks& checks_;
  const std::size_t count_;
  DeviceMemory memory_;
};

/// Pages of one layer with a table that is out of order; host and device side by side.
struct TestPages {
  TestPages(Checks& checks, const HeadShape& shape, std::size_t tokens, std::size_t page_tokens, KvLayout layout);

  /// From the start of K or V to (token, head, element 0), by division: not as the kernels do it.
  std::size_t at(std::size_t token, std::size_t head) const;
  /// Writes host's k_host, v_host to the device.
  void upload(Checks& checks);
  PagedKv view() const;

  HeadShape shape;
  std::size_t page_tokens;
  KvLayout layout;
  std::vector<std::uint32_t> table;
  std::size_t elements = 0;
  std::vector<std::uint16_t> k_host;
  std::vector<std::uint16_t> v_host;
  std::unique_ptr<Buffer<std::uint16_t>> k;
  std::unique_ptr<Buffer<std::uint16_t>> v;
  std::unique_ptr<Buffer<std::uint64_t>> entries;
};

void check_rows(Checks& checks);
void check_products(Checks& checks);
void check_rope(Checks& checks);
void check_attention(Checks& checks);
void check_models(Checks& checks);

}  // namespace kvp2p::engine::cuda::checks
