// Blocks that are served in place, out of an engine's own memory: the device tier.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "cache/core_types.h"
#include "direct/ticket.h"

#include <condition_variable>
#include <mutex>
#include <optional>

namespace kvp2p {

class DirectServer;

/// Thread-safe. The owner revokes, which raises the generations, then waits out the readers, then reuses the blocks; a
/// reader that sees another generation after its copy has read nothing. Readers are copies of this process, which are
/// counted here, and peers that read in place, which mark their reads for the DirectServer.
class Offer {
 public:
  /// `direct` outlives the offer; null: no peer reads in place.
  Offer(OfferId id, PutRequest request, const ObjectFormat& format, DirectServer* direct = nullptr);

  OfferId id() const { return id_; }
  const PutRequest& request() const { return request_; }
  const ObjectFormat& format() const { return format_; }
  /// Where a peer can read block `index` in place; nothing if it cannot, or another offer of the same slot was revoked.
  std::optional<DevicePlace> place(std::size_t index) const;

  /// Counts a reader of this process in; false if the offer is revoked. Each true wants one end_read().
  bool begin_read();
  /// Counts it out. True if what it has copied is good: the offer has not been revoked since begin_read().
  bool end_read();

  void revoke();
  bool revoked() const;
  /// Revoked, and nobody reads the blocks any more.
  bool unleased() const;
  /// kNotRevoked; kDeadline if copies of this process still read then. Peers that do have their sessions ended: the
  /// blocks may be reused, because what those have read will not count. Not on the node thread.
  base::Result<> wait_unleased(base::TimePoint deadline);

 private:
  const OfferId id_;
  const PutRequest request_;
  const ObjectFormat format_;
  DirectServer* const direct_;
  /// Of the slots when they were offered; empty without the direct path.
  std::vector<std::uint64_t> generations_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t readers_ = 0;
  bool revoked_ = false;
};

}  // namespace kvp2p
