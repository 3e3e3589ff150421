// One 64-bit generation a slot, in memory that the owner writes and its readers read.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "gpu/layout.h"
#include "gpu/shared_memory.h"

#include <atomic>
#include <cstdint>

namespace kvp2p::direct {

using Generation = std::atomic<std::uint64_t>;
static_assert(Generation::is_always_lock_free && sizeof(Generation) == sizeof(std::uint64_t));

/// The owner's side. All generations begin at 1. Thread-safe. Moves, does not copy.
class GenerationTable {
 public:
  static base::Result<GenerationTable> create(std::uint32_t slots);

  std::uint32_t slots() const { return slots_; }
  std::uint64_t get(Slot slot) const { return at(slot).load(std::memory_order_seq_cst); }
  /// Whoever looks after what is written to the slot later sees that it is another one. After the last of several,
  /// raise_fence().
  void raise(Slot slot) { at(slot).fetch_add(1, std::memory_order_seq_cst); }
  static void raise_fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
  /// What readers are given: read-only.
  int descriptor() const { return for_readers_.get(); }

 private:
  Generation& at(Slot slot) const { return reinterpret_cast<Generation*>(memory_.data())[slot]; }

  SharedMemory memory_;
  base::UniqueFd for_readers_;
  std::uint32_t slots_ = 0;
};

/// The reader's side. Thread-safe. Moves, does not copy.
class GenerationView {
 public:
  /// `fd` is hostile.
  static base::Result<GenerationView> open(int fd, std::uint32_t slots);

  std::uint32_t slots() const { return slots_; }
  /// REQUIRES: slot < slots(); read_fence() between the reads of the slot's content and this.
  std::uint64_t get(Slot slot) const {
    return reinterpret_cast<const Generation*>(memory_.data())[slot].load(std::memory_order_seq_cst);
  }
  static void read_fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }

 private:
  MappedMemory memory_;
  std::uint32_t slots_ = 0;
};

}  // namespace kvp2p::direct
