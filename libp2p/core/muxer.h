// Muxing: many streams over one secured stream.
#pragma once

#include "libp2p/core/stream.h"
#include "libp2p/core/stream_budget.h"

#include <functional>
#include <memory>
#include <string_view>

namespace libp2p {

/// One connection's muxer session. Not thread-safe: lives on the connection's executor.
class MuxedConnection {
 public:
  virtual ~MuxedConnection() = default;
  /// Opens a stream; does not wait for the other side. Error::kTooManyStreams at the limit.
  virtual base::Task<base::Result<std::unique_ptr<Stream>>> open_stream() = 0;
  /// Waits for a stream that the other side opened. Fails once the connection has ended.
  virtual base::Task<base::Result<std::unique_ptr<Stream>>> accept_stream() = 0;
  /// Tells the other side (GoAway) and ends all streams. Idempotent.
  virtual base::Task<> close() = 0;
  /// Ends everything at once, without a word to the other side. Idempotent.
  virtual void abort() noexcept = 0;
  virtual bool is_closed() const = 0;
  /// Whether streams can still be opened: not once the session has ended or the other side has said GoAway.
  virtual bool takes_streams() const = 0;
  virtual std::size_t stream_count() const = 0;
  /// Counts further streams, both ways, against `budget` too: those beyond it are refused like those beyond the limit
  /// of the session. Called once at most.
  virtual void set_stream_budget(std::shared_ptr<StreamBudget> budget) = 0;
};

/// One muxer protocol (yamux).
class Muxer {
 public:
  virtual ~Muxer() = default;
  /// For example "/yamux/1.0.0".
  virtual std::string_view protocol_id() const = 0;
  /// Starts a session on `secured`; its reader runs on `executor` until the session ends.
  virtual std::shared_ptr<MuxedConnection> start(const base::Executor& executor, std::unique_ptr<Stream> secured,
                                                 bool is_dialler) = 0;
};

}  // namespace libp2p
