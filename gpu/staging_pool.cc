#include "gpu/staging_pool.h"

namespace kvp2p {

StagingLease::StagingLease(StagingLease&& other) noexcept
    : pool_(std::move(other.pool_)), bytes_(std::exchange(other.bytes_, {})) {}

StagingLease& StagingLease::operator=(StagingLease&& other) noexcept {
  if (this == &other) return *this;
  if (pool_) pool_->give_back(bytes_);
  pool_ = std::move(other.pool_);
  bytes_ = std::exchange(other.bytes_, {});
  return *this;
}

StagingLease::~StagingLease() {
  if (pool_) pool_->give_back(bytes_);
}

std::shared_ptr<StagingPool> StagingPool::create(std::shared_ptr<std::uint8_t[]> memory, std::size_t slot_bytes,
                                                 std::size_t slots) {
  std::shared_ptr<StagingPool> pool(new StagingPool);
  pool->memory_ = std::move(memory);
  pool->slot_bytes_ = slot_bytes;
  pool->slots_ = slots;
  pool->free_.reserve(slots);
  // Last slot first, so that leases go up from the start: a pool that is little used touches few pages.
  for (std::size_t i = slots; i-- > 0;) pool->free_.push_back(pool->memory_.get() + i * slot_bytes);
  return pool;
}

std::size_t StagingPool::free_slots() const {
  std::lock_guard lock(mutex_);
  return free_.size();
}

std::optional<StagingLease> StagingPool::try_lease() {
  std::uint8_t* slot = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (free_.empty()) return std::nullopt;
    slot = free_.back();
    free_.pop_back();
  }
  return StagingLease(shared_from_this(), base::MutableBytes(slot, slot_bytes_));
}

void StagingPool::when_free(std::function<void()> call) {
  {
    std::lock_guard lock(mutex_);
    if (free_.empty()) {
      waiting_.push_back(std::move(call));
      return;
    }
  }
  call();
}

void StagingPool::give_back(base::MutableBytes slot) {
  // All are woken, not one: whoever is woken may not want the slot any more.
  std::vector<std::function<void()>> woken;
  {
    std::lock_guard lock(mutex_);
    free_.push_back(slot.data());
    woken.swap(waiting_);
  }
  for (auto& call : woken) call();
}

}  // namespace kvp2p
