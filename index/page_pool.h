// Memory of one size, on huge pages.
#pragma once

#include <cstddef>
#include <future>
#include <vector>

namespace kvp2p {

/// Pages of 8 KiB. The first ones are allocated one by one, so that a small index is small; then 2 MiB at a time, which
/// the kernel is asked to back with huge pages: a look-up touches hundreds of places far apart, and would miss the TLB
/// at each. The first touch of a huge page takes long (4 ms on a virtual machine), so a thread of its own, which ends
/// then, touches the next one in time; until it has, pages are single ones again. What is given back is used again and
/// not returned to the system. Not thread-safe.
class PagePool {
 public:
  static constexpr std::size_t kPageBytes = 8192;

  PagePool() = default;
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;
  ~PagePool();

  /// Aligned to its size; contents are anything. Does not wait.
  void* take();
  void give_back(void* page) { free_.push_back(page); }

  /// Of all pages, those in use, those given back and those not used yet.
  std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kSinglePages = 32;
  static constexpr std::size_t kRegionBytes = std::size_t{2} << 20;
  static constexpr std::size_t kRegionPages = kRegionBytes / kPageBytes;

  void* take_single();
  void prepare_region();
  bool adopt_region();

  std::vector<void*> owned_;
  std::vector<void*> free_;
  std::future<void*> next_region_;
  std::byte* rest_ = nullptr;  // of the newest region
  std::size_t rest_pages_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace kvp2p
