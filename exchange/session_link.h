// What the parts of a session (fetches, puts, both sides) need of it.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "exchange/lane.h"
#include "multiformats/peer_id.h"
#include "wire/messages.h"

#include <memory>

namespace kvp2p {

/// Node thread only.
class SessionLink {
 public:
  virtual ~SessionLink() = default;
  virtual const multiformats::PeerId& peer() const = 0;
  /// Queues a message; a peer that does not read ends the session.
  virtual void send(std::uint64_t id, wire::Body body) = 0;
  /// Never 0.
  virtual std::uint64_t next_id() = 0;
  /// The peer answers `counts`.
  virtual bool answers_counts() const = 0;
  /// The peer packs frames of gets that allow it.
  virtual bool packs() const = 0;
  /// The peer sends several layers in one frame, for gets that allow it.
  virtual bool joins_layers() const = 0;
  /// What a coroutine of a part holds so that the session outlives it.
  virtual std::shared_ptr<void> keep_alive() = 0;

  /// A stream to the peer for one put, idle or new; it lives on the node thread.
  virtual base::Task<base::Result<std::shared_ptr<Lane>>> acquire_stream() = 0;
  /// Gives back one that has come to a clean end of its put. One that has not is reset instead.
  virtual void release_stream(std::shared_ptr<Lane> stream) = 0;
};

}  // namespace kvp2p
