#include "gpu/staging_pool.h"

#include <algorithm>

namespace kvp2p {

StagingLease::StagingLease(StagingLease&& other) noexcept
    : pool_(std::move(other.pool_)), slot_(std::move(other.slot_)), bytes_(std::exchange(other.bytes_, {})) {}

StagingLease& StagingLease::operator=(StagingLease&& other) noexcept {
  if (this == &other) return *this;
  if (pool_) pool_->give_back(bytes_);
  pool_ = std::move(other.pool_);
  slot_ = std::move(other.slot_);
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

std::optional<StagingLease> StagingPool::try_lease_part(std::size_t bytes) {
  // Whoever reads or writes a part shares no page with the others.
  constexpr std::size_t kAlign = 4096;
  const std::size_t size = std::min(slot_bytes_, (bytes + kAlign - 1) / kAlign * kAlign);
  std::lock_guard lock(parts_mutex_);
  std::shared_ptr<StagingLease> slot = shared_slot_.lock();
  if (!slot || slot_bytes_ - shared_used_ < size) {
    auto whole = try_lease();
    if (!whole) return std::nullopt;
    slot = std::make_shared<StagingLease>(std::move(*whole));
    shared_slot_ = slot;
    shared_used_ = 0;
  }
  const base::MutableBytes part = slot->bytes().subspan(shared_used_, size);
  shared_used_ += size;
  return StagingLease(std::move(slot), part);
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
