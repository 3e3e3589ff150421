// One connection's yamux session (libp2p/specs, yamux/README.md).
#pragma once

#include "libp2p/core/muxer.h"

#include <memory>

namespace libp2p::yamux {

class SessionState;

/// A handle. Destroying it aborts the session unless it was closed; streams that are still held fail then.
class YamuxSession final : public MuxedConnection {
 public:
  explicit YamuxSession(std::shared_ptr<SessionState> state) : state_(std::move(state)) {}
  ~YamuxSession() override;

  /// Error::kTooManyStreams at YamuxConfig::streams_max, and while unacknowledged_max streams are unacknowledged.
  base::Task<base::Result<std::unique_ptr<Stream>>> open_stream() override;
  /// The order is that of arrival. Fails with what ended the session: Error::kConnectionClosed, kTimeout (a ping was
  /// not answered) or kProtocolViolation.
  base::Task<base::Result<std::unique_ptr<Stream>>> accept_stream() override;
  /// Ends all streams (what was written and closed before is sent), says GoAway and waits for the other side to close,
  /// at most YamuxConfig::close_timeout.
  base::Task<> close() override;
  void abort() noexcept override;
  bool is_closed() const override;
  bool takes_streams() const override;
  std::size_t stream_count() const override;
  void set_stream_budget(std::shared_ptr<StreamBudget> budget) override;

 private:
  std::shared_ptr<SessionState> state_;
};

}  // namespace libp2p::yamux
