// Frames on their way out over one lane.
#pragma once

#include "base/bytes.h"
#include "base/signal.h"
#include "exchange/lane.h"

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace kvp2p {

/// One frame, header and payload. Made and destroyed on the node thread.
struct OutgoingFrame {
  base::Bytes header;
  /// The header, then the payload.
  std::vector<base::ConstBytes> parts;
  std::shared_ptr<void> owner;    // keeps the payload valid
  std::size_t payload_bytes = 0;  // as they are sent
  /// Of it all parts were written to the stream.
  bool written = false;
  virtual ~OutgoingFrame() = default;
};
using OutgoingFrames = std::deque<std::unique_ptr<OutgoingFrame>>;

/// The node thread puts frames in and takes them back when they are written; one coroutine on the lane's executor
/// writes them, in order. Nobody waits for anybody: what each side has for the other is posted, once for as many frames
/// as there are. Called on the node thread but for run().
class LaneOutbox : public std::enable_shared_from_this<LaneOutbox> {
 public:
  LaneOutbox(const base::Executor& node, std::shared_ptr<Lane> lane);

  /// `on_done` is called on the node thread when frames can be taken; nothing: no more.
  void tell(std::function<void()> on_done) { on_done_ = std::move(on_done); }

  Lane& lane() const { return *lane_; }
  /// Put in and not taken back yet.
  std::size_t frames() const { return frames_; }
  std::size_t bytes() const { return bytes_; }

  void push(std::unique_ptr<OutgoingFrame> frame);
  /// What has been written, or has failed, in order.
  OutgoingFrames take_done();
  /// The last frame, if its writing has not begun.
  std::unique_ptr<OutgoingFrame> take_last();
  /// Those whose writing has not begun and of which `wanted` is true, in order.
  OutgoingFrames take_unbegun(const std::function<bool(const OutgoingFrame&)>& wanted);
  /// How many of those there are.
  std::size_t count_unbegun(const std::function<bool(const OutgoingFrame&)>& wanted) const;
  /// The lane has died: run() returns.
  void wake();

  /// Writes until the lane dies; false. On its executor.
  static base::Task<bool> run(std::shared_ptr<LaneOutbox> outbox);

 private:
  base::Task<std::unique_ptr<OutgoingFrame>> next();
  void give_back(std::unique_ptr<OutgoingFrame> frame);
  void forget(const OutgoingFrame& frame) {
    --frames_;
    bytes_ -= frame.payload_bytes;
  }

  const base::Executor node_;
  const std::shared_ptr<Lane> lane_;
  std::function<void()> on_done_;
  std::size_t frames_ = 0;
  std::size_t bytes_ = 0;

  mutable std::mutex mutex_;
  OutgoingFrames queue_;
  OutgoingFrames done_;
  bool done_told_ = false;  // on_done is posted and has not been called yet
  bool writer_waits_ = false;
  base::Signal changed_;  // of the lane's executor
};

}  // namespace kvp2p
