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

/// One slot of the pool or part of one, given back when destroyed. Moves, does not copy. May be destroyed on any
/// thread.
class StagingLease {
 public:
  StagingLease() = default;
  StagingLease(StagingLease&& other) noexcept;
  StagingLease& operator=(StagingLease&& other) noexcept;
  ~StagingLease();

  base::MutableBytes bytes() const { return bytes_; }
  explicit operator bool() const { return pool_ != nullptr || slot_ != nullptr; }

 private:
  friend class StagingPool;
  StagingLease(std::shared_ptr<StagingPool> pool, base::MutableBytes bytes) : pool_(std::move(pool)), bytes_(bytes) {}
  StagingLease(std::shared_ptr<StagingLease> slot, base::MutableBytes bytes) : slot_(std::move(slot)), bytes_(bytes) {}
  std::shared_ptr<StagingPool> pool_;
  std::shared_ptr<StagingLease> slot_;  ///< of a part: the slot that it shares with others
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
  /// At least `bytes`, which share a slot with other parts that are leased about the same time: small frames need not
  /// take a slot each. The slot is free again when its last part is. REQUIRES: 0 < bytes <= slot_bytes().
  std::optional<StagingLease> try_lease_part(std::size_t bytes);
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
  std::mutex parts_mutex_;                   ///< taken before mutex_
  std::weak_ptr<StagingLease> shared_slot_;  ///< new parts are taken from it, from shared_used_ on
  std::size_t shared_used_ = 0;
};

}  // namespace kvp2p
