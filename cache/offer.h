// Blocks that are served in place, out of an engine's own memory: the device tier.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "cache/core_types.h"

#include <condition_variable>
#include <mutex>

namespace kvp2p {

/// Thread-safe. The owner revokes, which raises the generation, then waits out the readers, then reuses the blocks; a
/// reader that sees another generation after its copy has read nothing.
class Offer {
 public:
  Offer(OfferId id, PutRequest request, const ObjectFormat& format)
      : id_(id), request_(std::move(request)), format_(format) {}

  OfferId id() const { return id_; }
  const PutRequest& request() const { return request_; }
  const ObjectFormat& format() const { return format_; }

  /// Counts a reader in; false if the offer is revoked. Each true wants one end_read().
  bool begin_read();
  /// Counts it out. True if what it has copied is good: the generation is still the one at begin_read().
  bool end_read();

  void revoke();
  bool revoked() const;
  bool unleased() const;
  /// kNotRevoked; kDeadline if there still are readers then.
  base::Result<> wait_unleased(base::TimePoint deadline);

 private:
  const OfferId id_;
  const PutRequest request_;
  const ObjectFormat format_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t readers_ = 0;
  // 0 while offered: an offer is revoked once, so the counter has two values.
  std::uint64_t generation_ = 0;
};

}  // namespace kvp2p
