// Answers to requests, by request id.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "base/signal.h"
#include "wire/messages.h"

#include <deque>
#include <memory>
#include <unordered_map>

namespace kvp2p {

/// Where the answers to one request arrive. Not thread-safe.
class Mailbox {
 public:
  explicit Mailbox(const base::Executor& executor) : changed_(executor) {}

  /// The next answer; ExchangeError::kTimeout at the deadline, the session's error once it has ended.
  base::Task<base::Result<wire::Body>> next(base::Clock& clock, base::TimePoint deadline);

 private:
  friend class Mailboxes;
  std::deque<wire::Body> bodies_;
  base::Error failed_;
  base::Signal changed_;
};

/// The mailboxes of one session, at most kRequestsSentMax. Not thread-safe.
class Mailboxes {
 public:
  explicit Mailboxes(const base::Executor& executor) : executor_(executor) {}

  /// Nothing: too many requests are under way. The mailbox takes answers while the caller keeps it alive.
  std::shared_ptr<Mailbox> open(std::uint64_t id);
  /// False: nobody waits for this.
  bool deliver(std::uint64_t id, wire::Body body);
  bool fail(std::uint64_t id, base::Error error);
  void fail_all(base::Error error);

 private:
  std::shared_ptr<Mailbox> find(std::uint64_t id);

  base::Executor executor_;
  std::unordered_map<std::uint64_t, std::weak_ptr<Mailbox>> open_;
};

}  // namespace kvp2p
