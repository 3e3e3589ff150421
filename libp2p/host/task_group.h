// Coroutines that somebody waits for.
#pragma once

#include "base/signal.h"
#include "base/task.h"

#include <memory>

namespace libp2p {

/// Starts coroutines and counts those that have not ended yet, so that what they use can be kept until then.
/// Copies are the same group. Not thread-safe: lives on its executor.
class TaskGroup {
 public:
  explicit TaskGroup(const base::Executor& executor) : state_(std::make_shared<State>(executor)) {}

  /// Runs `task` on its own, as base::spawn() does.
  void spawn(base::Task<> task) {
    ++state_->running;
    base::spawn(state_->executor, run(state_, std::move(task)));
  }

  /// Returns when all have ended, those spawned meanwhile too.
  base::Task<> wait_until_empty() { return wait(state_); }

  std::size_t size() const { return state_->running; }

 private:
  struct State {
    explicit State(const base::Executor& e) : executor(e), ended(e) {}
    base::Executor executor;
    base::Signal ended;
    std::size_t running = 0;
  };

  static base::Task<> run(std::shared_ptr<State> state, base::Task<> task);
  static base::Task<> wait(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace libp2p
