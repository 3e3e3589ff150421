#include "cache/offer.h"

#include "cache/error.h"

namespace kvp2p {

bool Offer::begin_read() {
  std::lock_guard lock(mutex_);
  if (generation_ != 0) return false;
  ++readers_;
  return true;
}

bool Offer::end_read() {
  std::lock_guard lock(mutex_);
  if (--readers_ == 0) changed_.notify_all();
  return generation_ == 0;
}

void Offer::revoke() {
  std::lock_guard lock(mutex_);
  if (generation_ == 0) ++generation_;
}

bool Offer::revoked() const {
  std::lock_guard lock(mutex_);
  return generation_ != 0;
}

bool Offer::unleased() const {
  std::lock_guard lock(mutex_);
  return generation_ != 0 && readers_ == 0;
}

base::Result<> Offer::wait_unleased(base::TimePoint deadline) {
  std::unique_lock lock(mutex_);
  if (generation_ == 0) return KvError::kNotRevoked;
  if (!changed_.wait_until(lock, deadline, [this] { return readers_ == 0; })) return KvError::kDeadline;
  return {};
}

}  // namespace kvp2p
