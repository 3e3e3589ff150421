#include "bench/socket/uring.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

namespace kvp2p::bench {

namespace {

constexpr unsigned kEntries = 4;

std::atomic_ref<std::uint32_t> word(std::uint8_t* ring, std::uint32_t offset) {
  return std::atomic_ref<std::uint32_t>(*reinterpret_cast<std::uint32_t*>(ring + offset));
}

}  // namespace

std::unique_ptr<Uring> Uring::create() {
  std::unique_ptr<Uring> uring(new Uring());
  uring->fd_ = base::UniqueFd(static_cast<int>(::syscall(SYS_io_uring_setup, kEntries, &uring->params_)));
  if (uring->fd_.get() < 0 || (uring->params_.features & IORING_FEAT_SINGLE_MMAP) == 0) return nullptr;
  return uring->map(uring->params_) ? std::move(uring) : nullptr;
}

bool Uring::map(const io_uring_params& params) {
  ring_bytes_ = std::max<std::size_t>(params.sq_off.array + params.sq_entries * sizeof(std::uint32_t),
                                      params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe));
  entries_bytes_ = params.sq_entries * sizeof(io_uring_sqe);
  const auto map_at = [this](std::size_t bytes, off_t offset) {
    return ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_.get(), offset);
  };
  void* const ring = map_at(ring_bytes_, IORING_OFF_SQ_RING);
  if (ring == MAP_FAILED) return false;
  ring_ = static_cast<std::uint8_t*>(ring);
  void* const entries = map_at(entries_bytes_, IORING_OFF_SQES);
  if (entries == MAP_FAILED) return false;
  entries_ = static_cast<io_uring_sqe*>(entries);
  return true;
}

Uring::~Uring() {
  if (ring_ != nullptr) ::munmap(ring_, ring_bytes_);
  if (entries_ != nullptr) ::munmap(entries_, entries_bytes_);
}

std::int64_t Uring::send(int socket, const void* bytes, std::size_t size) {
  return run(IORING_OP_SEND, socket, bytes, size, MSG_NOSIGNAL);
}

std::int64_t Uring::receive(int socket, void* into, std::size_t size) {
  return run(IORING_OP_RECV, socket, into, size, MSG_WAITALL);
}

std::int64_t Uring::run(std::uint8_t opcode, int socket, const void* bytes, std::size_t size, std::uint32_t flags) {
  io_uring_sqe& entry = entries_[0];
  entry = {};
  entry.opcode = opcode;
  entry.fd = socket;
  entry.addr = reinterpret_cast<std::uint64_t>(bytes);
  entry.len = static_cast<std::uint32_t>(size);
  entry.msg_flags = flags;
  auto tail = word(ring_, params_.sq_off.tail);
  const std::uint32_t mask = word(ring_, params_.sq_off.ring_mask).load();
  word(ring_, params_.sq_off.array + (tail.load() & mask) * static_cast<std::uint32_t>(sizeof(std::uint32_t))).store(0);
  tail.store(tail.load() + 1, std::memory_order_release);
  if (::syscall(SYS_io_uring_enter, fd_.get(), 1, 1, IORING_ENTER_GETEVENTS, nullptr, 0) < 0) return -errno;
  auto head = word(ring_, params_.cq_off.head);
  const std::uint32_t at = head.load() & word(ring_, params_.cq_off.ring_mask).load();
  const auto* completions = reinterpret_cast<const io_uring_cqe*>(ring_ + params_.cq_off.cqes);
  const std::int64_t result = completions[at].res;
  head.store(head.load() + 1, std::memory_order_release);
  return result;
}

}  // namespace kvp2p::bench
