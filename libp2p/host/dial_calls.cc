#include "libp2p/host/dial_calls.h"

namespace libp2p {

base::Task<DialCalls::Result> DialCalls::join(Target target, ConnectOptions options) {
  const bool shares = !begins(target, options);
  return wait(shares ? shared_.at(target) : begin(target, options));
}

/// Uses nothing of the object: it may be gone when the waiting coroutine goes on.
base::Task<DialCalls::Result> DialCalls::wait(std::shared_ptr<Waiting> waiting) {
  while (!waiting->result) co_await waiting->ended.wait();
  co_return *waiting->result;
}

std::shared_ptr<DialCalls::Waiting> DialCalls::begin(const Target& target, ConnectOptions options) {
  auto waiting = std::make_shared<Waiting>(executor_);
  if (!options.force_new) shared_.emplace(target, waiting);
  ++under_way_;
  tasks_.spawn(run(target, options, waiting));
  return waiting;
}

base::Task<> DialCalls::run(Target target, ConnectOptions options, std::shared_ptr<Waiting> waiting) {
  base::Task<Result> dial = dial_(target, options);
  auto result = co_await std::move(dial);
  --under_way_;
  if (!options.force_new) shared_.erase(target);
  waiting->end(std::move(result));
}

void DialCalls::answer(const multiformats::PeerId& peer, const std::shared_ptr<Connection>& connection) {
  for (auto at = shared_.lower_bound(Target(peer, {})); at != shared_.end() && at->first.first == peer; ++at) {
    at->second->end(connection);
  }
}

void DialCalls::Waiting::end(Result with) {
  if (result) return;
  result = std::move(with);
  ended.notify_all();
}

}  // namespace libp2p
