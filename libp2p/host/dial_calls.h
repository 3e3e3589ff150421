// Calls that wait for a dial.
#pragma once

#include "base/signal.h"
#include "libp2p/host/host.h"
#include "libp2p/host/task_group.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace libp2p {

/// Calls for the same peer and addresses share one dial, unless they want a connection of their own. Not thread-safe.
class DialCalls {
 public:
  using Result = base::Result<std::shared_ptr<Connection>>;
  /// Whom to dial (anybody if not set), and where.
  using Target = std::pair<std::optional<multiformats::PeerId>, std::vector<multiformats::Multiaddr>>;
  using Dial = std::function<base::Task<Result>(Target target, ConnectOptions options)>;

  /// `tasks` runs `dial`, which this outlives.
  DialCalls(const base::Executor& executor, TaskGroup tasks, Dial dial)
      : executor_(executor), tasks_(std::move(tasks)), dial_(std::move(dial)) {}

  /// Whether join() would begin a dial.
  bool begins(const Target& target, const ConnectOptions& options) const {
    return options.force_new || !shared_.contains(target);
  }
  /// Waits for a dial, under way or begun now. The call may go on after this is gone.
  base::Task<Result> join(Target target, ConnectOptions options);
  /// Those who wait for a dial to `peer` get `connection`; the dial goes on.
  void answer(const multiformats::PeerId& peer, const std::shared_ptr<Connection>& connection);
  /// Dials that have not ended.
  std::size_t under_way() const { return under_way_; }

 private:
  struct Waiting {
    explicit Waiting(const base::Executor& executor) : ended(executor) {}
    void end(Result with);

    base::Signal ended;
    std::optional<Result> result;
  };

  std::shared_ptr<Waiting> begin(const Target& target, ConnectOptions options);
  base::Task<> run(Target target, ConnectOptions options, std::shared_ptr<Waiting> waiting);
  static base::Task<Result> wait(std::shared_ptr<Waiting> waiting);

  base::Executor executor_;
  TaskGroup tasks_;
  Dial dial_;
  std::map<Target, std::shared_ptr<Waiting>> shared_;
  std::size_t under_way_ = 0;
};

}  // namespace libp2p
