#include "cache/offer.h"

#include "cache/error.h"
#include "direct/direct_server.h"

namespace kvp2p {

Offer::Offer(OfferId id, PutRequest request, const ObjectFormat& format, DirectServer* direct)
    : id_(id), request_(std::move(request)), format_(format), direct_(direct) {
  if (direct_ == nullptr) return;
  generations_.reserve(request_.slots.size());
  for (const Slot slot : request_.slots) generations_.push_back(direct_->generation(request_.region, slot));
}

std::optional<DevicePlace> Offer::place(std::size_t index) const {
  if (direct_ == nullptr) return std::nullopt;
  const Slot slot = request_.slots[index];
  const std::uint64_t generation = generations_[index];
  if (generation == 0 || direct_->generation(request_.region, slot) != generation) return std::nullopt;
  return DevicePlace{static_cast<std::uint64_t>(request_.region), slot, generation};
}

bool Offer::begin_read() {
  std::lock_guard lock(mutex_);
  if (revoked_) return false;
  ++readers_;
  return true;
}

bool Offer::end_read() {
  std::lock_guard lock(mutex_);
  if (--readers_ == 0) changed_.notify_all();
  return !revoked_;
}

void Offer::revoke() {
  std::lock_guard lock(mutex_);
  if (std::exchange(revoked_, true)) return;
  // Under the lock: whoever finds the offer revoked finds the generations raised.
  if (direct_ != nullptr) direct_->raise(request_.region, request_.slots);
}

bool Offer::revoked() const {
  std::lock_guard lock(mutex_);
  return revoked_;
}

bool Offer::unleased() const {
  {
    std::lock_guard lock(mutex_);
    if (!revoked_ || readers_ > 0) return false;
  }
  return direct_ == nullptr || !direct_->has_old_reads();
}

base::Result<> Offer::wait_unleased(base::TimePoint deadline) {
  {
    std::unique_lock lock(mutex_);
    if (!revoked_) return KvError::kNotRevoked;
    if (!changed_.wait_until(lock, deadline, [this] { return readers_ == 0; })) return KvError::kDeadline;
  }
  if (direct_ != nullptr) direct_->wait_readers(deadline);
  return {};
}

}  // namespace kvp2p
