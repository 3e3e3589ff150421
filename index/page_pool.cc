#include "index/page_pool.h"

#include <sys/mman.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>

namespace kvp2p {

namespace {

void* allocate(std::size_t bytes) {
  void* memory = std::aligned_alloc(bytes, bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* allocate_touched(std::size_t bytes) {
  void* memory = allocate(bytes);
  // A wish: without huge pages it works all the same.
  ::madvise(memory, bytes, MADV_HUGEPAGE);
  std::memset(memory, 0, bytes);
  return memory;
}

}  // namespace

PagePool::~PagePool() {
  if (next_region_.valid()) std::free(next_region_.get());
  for (void* memory : owned_) std::free(memory);
}

void* PagePool::take() {
  if (!free_.empty()) {
    void* page = free_.back();
    free_.pop_back();
    return page;
  }
  if (rest_pages_ == 0 && !adopt_region()) return take_single();
  if (rest_pages_ == kRegionPages / 2) prepare_region();
  void* page = rest_;
  rest_ += kPageBytes;
  --rest_pages_;
  return page;
}

void* PagePool::take_single() {
  owned_.push_back(allocate(kPageBytes));
  bytes_ += kPageBytes;
  if (owned_.size() >= kSinglePages) prepare_region();
  return owned_.back();
}

void PagePool::prepare_region() {
  if (!next_region_.valid()) next_region_ = std::async(std::launch::async, allocate_touched, kRegionBytes);
}

bool PagePool::adopt_region() {
  if (!next_region_.valid() || next_region_.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
    return false;
  rest_ = static_cast<std::byte*>(next_region_.get());
  rest_pages_ = kRegionPages;
  owned_.push_back(rest_);
  bytes_ += kRegionBytes;
  return true;
}

}  // namespace kvp2p
