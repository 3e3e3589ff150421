// The owner's side of the direct path: hands this node's regions to peers of the same host and user, and tells them,
// by generations in shared memory, which blocks are no longer what they were.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "direct/ticket.h"
#include "gpu/connector.h"
#include "multiformats/peer_id.h"

#include <memory>
#include <span>

namespace kvp2p {

/// Peers that may have this node's regions open.
inline constexpr std::size_t kDirectReadersMax = 64;
/// Reads that one peer may have under way at once.
inline constexpr std::size_t kDirectReadsMax = 64;

/// Made and destroyed on the node thread; which thread may call what is said below.
///
/// A block is reused in three steps: raise() its generation, wait_readers(), write. A reader that had begun before sees
/// the new generation after its copy and has read nothing; so nothing wrong is ever used, even if it is not waited for.
class DirectServer {
 public:
  /// Listens on a Unix socket of a random name. `connector` outlives the server.
  static base::Result<std::unique_ptr<DirectServer>> start(const base::Executor& executor, base::Clock& clock,
                                                           GpuConnector& connector);
  virtual ~DirectServer() = default;

  // Any thread

  /// Makes a region known; peers are handed it if it can be exported (said once in the log if it cannot).
  virtual void add_region(RegionId region, std::uint32_t slots) = 0;
  /// Raises all its generations, takes it from the peers and waits until they have closed it, at most a second: then
  /// their sessions are ended. Not on the node thread.
  virtual void remove_region(RegionId region) = 0;
  /// 0 for a region or slot that is not known; otherwise at least 1.
  virtual std::uint64_t generation(RegionId region, Slot slot) const = 0;
  virtual void raise(RegionId region, std::span<const Slot> slots) = 0;
  /// Whether a read that began before the last raise() may still be under way.
  virtual bool has_old_reads() const = 0;
  /// Until there is none. At the deadline the sessions of those that are left are ended: their copies will not count,
  /// as their generation is gone. False if that was needed. Not on the node thread.
  virtual bool wait_readers(base::TimePoint deadline) = 0;

  // Node thread

  virtual DirectTicket issue_ticket(const multiformats::PeerId& peer) = 0;
  /// The peer has this region open: it can use places in it.
  virtual bool is_open_at(const multiformats::PeerId& peer, RegionId region) const = 0;
  /// Ends all sessions and waits for their coroutines.
  virtual base::Task<> close() = 0;
};

}  // namespace kvp2p
