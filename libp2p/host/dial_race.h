// Dials several addresses of one peer so that a slow or dead one costs little time (RFC 8305, "happy eyeballs").
#pragma once

#include "base/clock.h"
#include "base/signal.h"
#include "libp2p/host/connection_upgrader.h"
#include "libp2p/host/task_group.h"

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

namespace libp2p {

/// After this long without a result, the next address is tried besides (RFC 8305, section 5).
inline constexpr base::Duration kDialAttemptDelay = std::chrono::milliseconds(250);

/// Addresses of one peer that are tried; further ones are not.
inline constexpr std::size_t kDialAddressesMax = 32;

/// One race, run once. Not thread-safe; shared with its attempts, the last of which may end a little later than it.
class DialRace : public std::enable_shared_from_this<DialRace> {
 public:
  using Result = base::Result<UpgradedConnection>;
  /// Dials one address, to the end of the handshake. It ends by itself in time, and at once when stopped.
  using Attempt = std::function<base::Task<Result>(multiformats::Multiaddr address, std::stop_token stop)>;

  /// `tasks` runs the attempts; `clock` outlives it. The next address is tried `delay` after the one before.
  DialRace(const base::Executor& executor, base::Clock& clock, TaskGroup tasks, Attempt attempt,
           base::Duration delay = kDialAttemptDelay);

  /// Adds addresses to try, in dial_order() with those that wait.
  void add(const std::vector<multiformats::Multiaddr>& addresses);
  /// Adds what `look_up` finds, when it has; it ends by itself in time, and at once when stop_token() says so.
  void add_later(base::Task<base::Result<std::vector<multiformats::Multiaddr>>> look_up);
  std::stop_token stop_token() const { return stop_.get_token(); }

  /// Tries the addresses in order, the next one `delay` after the one before, or as soon as one has failed,
  /// but none after `deadline`. The first connection wins, and the other attempts are stopped. If all fail:
  /// Error::kPeerIdMismatch if that was the failure of any, else the last failure. Error::kClosing once stopped.
  base::Task<Result> run(base::TimePoint deadline, std::stop_token stop);

 private:
  using Self = std::shared_ptr<DialRace>;

  bool may_start(base::TimePoint deadline) const;
  void start_next();
  static base::Task<> run_look_up(Self self, base::Task<base::Result<std::vector<multiformats::Multiaddr>>> look_up);
  static base::Task<> run_attempt(Self self, multiformats::Multiaddr address);
  void on_ended(Result connection);
  void on_failure(const base::Error& error);

  base::Clock& clock_;
  TaskGroup tasks_;
  Attempt attempt_;
  base::Duration delay_;
  base::Signal changed_;
  std::stop_source stop_;
  std::vector<multiformats::Multiaddr> waiting_;
  std::size_t looking_up_ = 0;
  std::size_t started_ = 0;
  std::size_t running_ = 0;
  /// When the next attempt may start although others are under way.
  base::TimePoint next_start_{};
  std::unique_ptr<base::Timer> next_timer_;
  std::optional<UpgradedConnection> winner_;
  base::Error failure_;
};

}  // namespace libp2p
