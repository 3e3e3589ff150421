// Device memory as PyTorch's expandable segments make it: pieces mapped one after the other, each with a descriptor.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace kvp2p::testing {

/// Unmapped and freed when destroyed. Not thread-safe.
class VirtualMemory {
 public:
  VirtualMemory() = default;
  VirtualMemory(const VirtualMemory&) = delete;
  VirtualMemory& operator=(const VirtualMemory&) = delete;
  ~VirtualMemory();

  /// At least `bytes`, in `pieces` pieces of equal size. Empty, or what went wrong.
  std::string allocate(int device, std::size_t bytes, std::size_t pieces);
  void* start() const { return reinterpret_cast<void*>(start_); }

 private:
  unsigned long long start_ = 0;
  std::size_t piece_bytes_ = 0;
  std::size_t mapped_ = 0;
  std::size_t reserved_bytes_ = 0;
  std::vector<unsigned long long> handles_;
};

}  // namespace kvp2p::testing
