// The writing half of a control stream: messages queue up, one coroutine writes them.
#pragma once

#include "base/bytes.h"
#include "base/signal.h"
#include "libp2p/core/stream.h"

#include <deque>

namespace kvp2p {

/// Not thread-safe; bounded by kWriteQueueBytesMax.
class ControlWriter {
 public:
  explicit ControlWriter(const base::Executor& executor) : changed_(executor), room_(executor) {}

  /// False: the queue is full, the peer does not read, the session is to be ended.
  [[nodiscard]] bool push(base::Bytes framed);
  /// No message is accepted any more; run() returns, wait_for_room() too.
  void stop();

  /// Writes until stop() or an error of the stream.
  base::Task<> run(libp2p::Stream& stream);
  bool has_room() const;
  /// Returns once has_room() or after stop().
  base::Task<> wait_for_room();

 private:
  std::deque<base::Bytes> queue_;
  std::size_t queued_bytes_ = 0;
  bool stopped_ = false;
  base::Signal changed_;
  base::Signal room_;
};

}  // namespace kvp2p
