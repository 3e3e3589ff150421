// The reader's side of the direct path: keeps the regions of peers of the same host open.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "direct/ticket.h"
#include "gpu/connector.h"
#include "multiformats/peer_id.h"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace kvp2p {

/// Tells the owner that a read is under way, until it is destroyed. Moves, does not copy. Any thread.
class ReadMark {
 public:
  ReadMark() = default;
  explicit ReadMark(std::shared_ptr<void> mark) : mark_(std::move(mark)) {}

 private:
  std::shared_ptr<void> mark_;
};

/// What a slot held when it was offered.
struct SlotGeneration {
  Slot slot = 0;
  std::uint64_t generation = 0;
};

/// A peer's region, open here. Thread-safe. Its import is closed some time after the last owner has let go of it.
class PeerRegion {
 public:
  virtual ~PeerRegion() = default;
  virtual ImportId import_id() const = 0;
  virtual const LayoutDesc& layout() const = 0;
  virtual DirectLink link() const = 0;
  /// Before a copy is queued. Nothing if the owner is gone, has taken the region back, or too many reads are under way.
  virtual std::optional<ReadMark> begin_read() = 0;
  /// After a copy, before its mark goes: whether the slot still is what it was, and the owner is alive.
  virtual bool is_unchanged(Slot slot, std::uint64_t generation) const = 0;
  /// The same for many, with one system call in all; none is if the owner is gone.
  virtual std::vector<bool> are_unchanged(std::span<const SlotGeneration> slots) const = 0;
};

/// Node thread only, but for what the regions do.
class DirectClient {
 public:
  /// `connector` outlives the client and its regions.
  static std::unique_ptr<DirectClient> create(const base::Executor& executor, base::Clock& clock,
                                              GpuConnector& connector);
  virtual ~DirectClient() = default;

  /// Meets the peer on its socket, checks that it is the same user's, and opens what it hands over, on a thread of its
  /// own, now and later. When it returns, the peer knows what of it is open: its answers may name places. Errors say
  /// why there is no direct path, and so does why_not() from then on.
  virtual base::Task<base::Result<>> open(multiformats::PeerId peer, DirectTicket ticket, base::TimePoint deadline) = 0;
  /// Notes why there is none: "it offers no direct path".
  virtual void set_why_not(const multiformats::PeerId& peer, std::string reason) = 0;
  /// The peer's region, or null.
  virtual std::shared_ptr<PeerRegion> find(const multiformats::PeerId& peer, std::uint64_t region) const = 0;
  /// Whether the peer has been met and is there: then it hands over what it can, if not at once.
  virtual bool has_session(const multiformats::PeerId& peer) const = 0;
  /// `call` is called each time that a session has ended, whoever ended it. The last one set; it may outlive the
  /// caller.
  virtual void on_session_ended(std::function<void()> call) = 0;
  /// Why find() gives nothing, for people: "the peer is on another host".
  virtual std::string why_not(const multiformats::PeerId& peer, std::uint64_t region) const = 0;
  /// Why a region that the peer has handed over could not be opened; empty if none failed.
  virtual std::string why_not_opened(const multiformats::PeerId& peer) const = 0;
  virtual void forget(const multiformats::PeerId& peer) = 0;
  virtual base::Task<> close() = 0;
};

}  // namespace kvp2p
