// What everything in the exchange shares: the node's parts, the configuration, the counters, and the count of
// coroutines that close() waits for.
#pragma once

#include "base/clock.h"
#include "base/signal.h"
#include "base/token_bucket.h"
#include "exchange/exchange.h"
#include "exchange/limits.h"
#include "exchange/log_once.h"

#include <boost/asio/post.hpp>

#include <functional>
#include <memory>

namespace kvp2p {

/// Node thread only. Shared by every session and coroutine, which may outlive the Exchange by the time it takes them to
/// notice its end.
struct NodeContext {
  base::Executor executor;
  base::Clock& clock;
  libp2p::Host& host;
  std::shared_ptr<StagingPool> staging;
  LocalBlocks& local;
  BlockIndex& index;
  ExchangeConfig config;
  std::uint64_t epoch;
  ExchangeStats stats;
  LogOnce log_once;

  bool closing = false;
  /// Also notified when something else has happened that a coroutine waits for beside the closing.
  base::Signal closing_changed;
  std::size_t running = 0;
  base::Signal running_changed;
  std::size_t inbound_lanes = 0;
  std::size_t sessions_up = 0;
  Conduct conduct = {};
  base::TokenBucket stranger_turns{kStrangerTurnsPerSecond, kStrangerTurnsSaved, clock.now()};
  base::TokenBucket stranger_news{kStrangerNewsPerSecond, kStrangerTurnsSaved, clock.now()};

  /// Payload of the frames that this node sends, unless one slice is larger.
  std::size_t frame_bytes() const { return std::min(config.frame_bytes_max, staging->slot_bytes()); }
};

/// Counts a coroutine as running while it lives.
class RunningGuard {
 public:
  explicit RunningGuard(std::shared_ptr<NodeContext> context) : context_(std::move(context)) { ++context_->running; }
  RunningGuard(const RunningGuard&) = delete;
  RunningGuard& operator=(const RunningGuard&) = delete;
  ~RunningGuard() {
    if (--context_->running == 0) context_->running_changed.notify_all();
  }

 private:
  std::shared_ptr<NodeContext> context_;
};

/// Runs `task` on its own, counted from now on. A task starts later: `keep` keeps alive, until it has ended, what it is
/// a member of.
void spawn_counted(const std::shared_ptr<NodeContext>& context, base::Task<> task, std::shared_ptr<void> keep = {});

/// The same on another executor, which has nothing of the context; `then` is called here with the result, last.
template <class T>
void spawn_counted_on(const std::shared_ptr<NodeContext>& context, const base::Executor& executor, base::Task<T> task,
                      std::function<void(T)> then);

/// Waits, unless the node closes or the connection (if one is given) ends first.
base::Task<> pause(std::shared_ptr<NodeContext> context, base::Duration time,
                   std::shared_ptr<libp2p::Connection> connection = {});

/// A new stream of the KV protocol. Does not wait for a peer that stalls once the node closes: ExchangeError::kClosing.
base::Task<base::Result<std::unique_ptr<libp2p::Stream>>> open_stream(std::shared_ptr<NodeContext> context,
                                                                      std::shared_ptr<libp2p::Connection> connection);

/// A new data connection. Does not wait for it once the node closes.
base::Task<base::Result<libp2p::DataConnection>> open_data_connection(std::shared_ptr<NodeContext> context,
                                                                      multiformats::PeerId peer,
                                                                      std::vector<multiformats::Multiaddr> addresses);

// ---------------------------------------------------------------------------------------------------------------------

namespace internal {

template <class T>
base::Task<> run_elsewhere(base::Executor node, std::unique_ptr<RunningGuard> guard, std::function<void(T)> then,
                           base::Task<T> task) {
  T result = co_await std::move(task);
  // The guard last: whoever waits for it may end the node.
  boost::asio::post(node, [guard = std::move(guard), then = std::move(then), result = std::move(result)]() mutable {
    std::exchange(then, nullptr)(std::move(result));
  });
}

}  // namespace internal

template <class T>
void spawn_counted_on(const std::shared_ptr<NodeContext>& context, const base::Executor& executor, base::Task<T> task,
                      std::function<void(T)> then) {
  auto guard = std::make_unique<RunningGuard>(context);
  base::spawn(executor,
              internal::run_elsewhere<T>(context->executor, std::move(guard), std::move(then), std::move(task)));
}

}  // namespace kvp2p
