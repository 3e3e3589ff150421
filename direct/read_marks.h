// Which reads are under way: the reader writes, the owner reads. Odd: under way. Each begin and each end adds 1, so a
// mark that has changed since the owner looked is a read that has ended.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "direct/direct_server.h"
#include "gpu/shared_memory.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

namespace kvp2p::direct {

using Mark = std::atomic<std::uint64_t>;
static_assert(Mark::is_always_lock_free && sizeof(Mark) == sizeof(std::uint64_t));

/// The owner's side. What the reader writes is hostile, and no more than a reason to wait. Not thread-safe.
class MarkWatch {
 public:
  static base::Result<MarkWatch> create();
  int descriptor() const { return fd_.get(); }

  /// Remembers the reads under way now, instead of those remembered before: they are under way still, or have ended.
  void remember();
  /// Whether one of those remembered may still be under way.
  bool has_old() const;

 private:
  const Mark& at(std::size_t i) const { return reinterpret_cast<const Mark*>(memory_.data())[i]; }

  base::UniqueFd fd_;
  MappedMemory memory_;
  std::array<std::uint64_t, kDirectReadsMax> old_{};  // 0: none
};

/// The reader's side. Thread-safe.
class MarkSet {
 public:
  /// `fd` is hostile.
  static base::Result<MarkSet> open(int fd);
  MarkSet() = default;
  MarkSet(MarkSet&& other) noexcept : memory_(std::move(other.memory_)), taken_(other.taken_.load()) {}
  MarkSet& operator=(MarkSet&& other) noexcept {
    memory_ = std::move(other.memory_);
    taken_ = other.taken_.load();
    return *this;
  }

  /// Nothing: all are in use.
  std::optional<std::size_t> begin();
  void finish(std::size_t mark);

 private:
  Mark& at(std::size_t i) const { return reinterpret_cast<Mark*>(memory_.data())[i]; }

  MappedMemory memory_;
  std::atomic<std::uint64_t> taken_{0};  // bits
  static_assert(kDirectReadsMax == 64);
};

}  // namespace kvp2p::direct
