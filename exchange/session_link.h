// What the parts of a session (fetches, puts, both sides) need of it.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "exchange/data_stream.h"
#include "exchange/moving_average.h"
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
  /// What a coroutine of a part holds so that the session outlives it.
  virtual std::shared_ptr<void> keep_alive() = 0;

  /// A data stream to the peer that nobody else uses, idle or new.
  virtual base::Task<base::Result<std::shared_ptr<DataStream>>> acquire_stream() = 0;
  /// Gives back one that has come to a clean end of its request. One that has not is reset instead.
  virtual void release_stream(std::shared_ptr<DataStream> stream) = 0;
  /// A data stream that the peer has opened, by its number.
  virtual std::shared_ptr<DataStream> stream_of_peer(std::uint32_t number) const = 0;

  /// Received bytes a second.
  virtual void measured_rate(double bytes_per_second) = 0;
};

}  // namespace kvp2p
