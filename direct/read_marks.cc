#include "direct/read_marks.h"

#include "gpu/error.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <bit>

namespace kvp2p::direct {

namespace {

constexpr std::size_t kMarksBytes = kDirectReadsMax * sizeof(Mark);

}  // namespace

// Not a SharedMemory: the reader must be able to write to it.
base::Result<MarkWatch> MarkWatch::create() {
  MarkWatch watch;
  watch.fd_.reset(::memfd_create("kv-cache-marks", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const int fd = watch.fd_.get();
  if (fd < 0 || ::ftruncate(fd, kMarksBytes) != 0 ||
      ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return GpuError::kOutOfMemory;
  }
  auto memory = MappedMemory::map_readable(fd, 0, kMarksBytes);
  if (!memory) return memory.error();
  watch.memory_ = std::move(*memory);
  return watch;
}

void MarkWatch::remember() {
  for (std::size_t i = 0; i < kDirectReadsMax; ++i) {
    const std::uint64_t mark = at(i).load(std::memory_order_seq_cst);
    old_[i] = mark % 2 == 1 ? mark : 0;
  }
}

bool MarkWatch::has_old() const {
  for (std::size_t i = 0; i < kDirectReadsMax; ++i) {
    if (old_[i] != 0 && at(i).load(std::memory_order_acquire) == old_[i]) return true;
  }
  return false;
}

base::Result<MarkSet> MarkSet::open(int fd) {
  auto memory = MappedMemory::map_writable(fd, 0, kMarksBytes);
  if (!memory) return memory.error();
  MarkSet set;
  set.memory_ = std::move(*memory);
  return set;
}

std::optional<std::size_t> MarkSet::begin() {
  std::uint64_t taken = taken_.load(std::memory_order_relaxed);
  for (;;) {
    const auto free = static_cast<std::size_t>(std::countr_one(taken));
    if (free >= kDirectReadsMax) return std::nullopt;
    if (taken_.compare_exchange_weak(taken, taken | std::uint64_t{1} << free, std::memory_order_acquire)) {
      // An owner may have written to it: odd all the same.
      const std::uint64_t before = at(free).load(std::memory_order_relaxed);
      at(free).store((before + 1) | 1, std::memory_order_seq_cst);
      // The mark is there before anything is read.
      std::atomic_thread_fence(std::memory_order_seq_cst);
      return free;
    }
  }
}

void MarkSet::finish(std::size_t mark) {
  const std::uint64_t now = at(mark).load(std::memory_order_relaxed);
  at(mark).store((now + 1) & ~std::uint64_t{1}, std::memory_order_release);
  taken_.fetch_and(~(std::uint64_t{1} << mark), std::memory_order_release);
}

}  // namespace kvp2p::direct
