// Host buffers that payload passes through: allocated once, leased, never grown.
#pragma once

#include "base/bytes.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace kvp2p {

class StagingPool;

/// One slot of the pool, given back when destroyed. Moves, does not copy. May be destroyed on any thread.
class StagingLease {
 public:
  StagingLease() = default;
  StagingLease(StagingLease&& other) noexcept;
  StagingLease& operator=(StagingLease&& other) noexcept;
  ~StagingLease();

  base::MutableBytes bytes() const { return bytes_; }
  explicit operator bool() const { return pool_ != nullptr; }

 private:
  friend class StagingPool;
  StagingLease(std::shared_ptr<StagingPool> pool, base::MutableBytes bytes) : pool_(std::move(pool)), bytes_(bytes) {}
  std::shared_ptr<StagingPool> pool_;
  base::MutableBytes bytes_;
};

/// Thread-safe. An empty pool is back-pressure, not an error: who gets nothing waits for when_free.
class StagingPool : public std::enable_shared_from_this<StagingPool> {
 public:
  /// `memory` holds slots * slot_bytes and comes from the connector's allocate_host.
  static std::shared_ptr<StagingPool> create(std::shared_ptr<std::uint8_t[]> memory, std::size_t slot_bytes,
                                             std::size_t slots);

  std::size_t slot_bytes() const { return slot_bytes_; }
  std::size_t slots() const { return slots_; }
  std::size_t free_slots() const;

  std::optional<StagingLease> try_lease();
  /// Calls `call` once, soon after a slot has become free (at once if one is); on the thread that freed it. `call` only
  /// posts: it must not block or lease.
  void when_free(std::function<void()> call);

 private:
  friend class StagingLease;
  StagingPool() = default;
  void give_back(base::MutableBytes slot);

  mutable std::mutex mutex_;
  std::shared_ptr<std::uint8_t[]> memory_;
  std::size_t slot_bytes_ = 0;
  std::size_t slots_ = 0;
  std::vector<std::uint8_t*> free_;
  std::vector<std::function<void()>> waiting_;
};

}  // namespace kvp2p
