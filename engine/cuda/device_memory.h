// Memory of a GPU, freed by its owner.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace kvp2p::engine::cuda {

/// Moves, does not copy. Nothing that is queued may use it any more when it is freed.
class DeviceMemory {
 public:
  /// kOutOfDeviceMemory; the log says how much was asked for.
  static base::Result<DeviceMemory> allocate(int device, std::size_t bytes);

  DeviceMemory() = default;
  DeviceMemory(DeviceMemory&& other) noexcept
      : device_(other.device_), start_(std::exchange(other.start_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  DeviceMemory& operator=(DeviceMemory&& other) noexcept;
  ~DeviceMemory();

  void* data() const { return start_; }
  std::size_t size() const { return bytes_; }

 private:
  int device_ = 0;
  void* start_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Cuts arrays out of one allocation: first all are asked for, then it is made, then they are placed, in one order.
class DeviceArrays {
 public:
  static constexpr std::size_t kAlignment = 256;

  /// How much `count` elements take.
  template <class T>
  void reserve(std::size_t count) {
    bytes_ += rounded(count * sizeof(T));
  }
  base::Result<> allocate(int device);
  /// REQUIRES: the same calls as of reserve().
  template <class T>
  T* take(std::size_t count) {
    T* start = reinterpret_cast<T*>(static_cast<std::uint8_t*>(memory_.data()) + taken_);
    taken_ += rounded(count * sizeof(T));
    return start;
  }

 private:
  static std::size_t rounded(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

  DeviceMemory memory_;
  std::size_t bytes_ = 0;
  std::size_t taken_ = 0;
};

}  // namespace kvp2p::engine::cuda
