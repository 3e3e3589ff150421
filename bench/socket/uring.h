// As much of io_uring as sends and receives on one socket, by system calls of its own.
#pragma once

#include "base/unique_fd.h"

#include <linux/io_uring.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace kvp2p::bench {

/// One operation at a time. Not thread-safe.
class Uring {
 public:
  /// Null where the system has none.
  static std::unique_ptr<Uring> create();
  ~Uring();

  /// What send(2) and recv(2) return, or -errno. Receives until the buffer is full (MSG_WAITALL).
  std::int64_t send(int socket, const void* bytes, std::size_t size);
  std::int64_t receive(int socket, void* into, std::size_t size);

 private:
  Uring() = default;
  bool map(const io_uring_params& params);
  std::int64_t run(std::uint8_t opcode, int socket, const void* bytes, std::size_t size, std::uint32_t flags);

  base::UniqueFd fd_;
  std::size_t ring_bytes_ = 0;
  std::uint8_t* ring_ = nullptr;  ///< both queues, in one mapping
  std::size_t entries_bytes_ = 0;
  io_uring_sqe* entries_ = nullptr;
  io_uring_params params_{};
};

}  // namespace kvp2p::bench
