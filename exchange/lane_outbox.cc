#include "exchange/lane_outbox.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace kvp2p {

LaneOutbox::LaneOutbox(const base::Executor& node, std::shared_ptr<Lane> lane)
    : node_(node), lane_(std::move(lane)), changed_(lane_->executor()) {}

void LaneOutbox::push(std::unique_ptr<OutgoingFrame> frame) {
  ++frames_;
  bytes_ += frame->payload_bytes;
  bool waits = false;
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(frame));
    waits = std::exchange(writer_waits_, false);
  }
  if (waits) boost::asio::post(lane_->executor(), [self = shared_from_this()] { self->changed_.notify_all(); });
}

void LaneOutbox::wake() {
  boost::asio::post(lane_->executor(), [self = shared_from_this()] { self->changed_.notify_all(); });
}

OutgoingFrames LaneOutbox::take_done() {
  OutgoingFrames done;
  {
    std::lock_guard lock(mutex_);
    done.swap(done_);
    done_told_ = false;
  }
  for (const auto& frame : done) forget(*frame);
  return done;
}

std::unique_ptr<OutgoingFrame> LaneOutbox::take_last() {
  std::lock_guard lock(mutex_);
  if (queue_.empty()) return nullptr;
  auto last = std::move(queue_.back());
  queue_.pop_back();
  forget(*last);
  return last;
}

OutgoingFrames LaneOutbox::take_unbegun(const std::function<bool(const OutgoingFrame&)>& wanted) {
  OutgoingFrames taken;
  OutgoingFrames kept;
  std::lock_guard lock(mutex_);
  for (auto& frame : queue_) {
    const bool take = wanted(*frame);
    if (take) forget(*frame);
    (take ? taken : kept).push_back(std::move(frame));
  }
  queue_ = std::move(kept);
  return taken;
}

std::size_t LaneOutbox::count_unbegun(const std::function<bool(const OutgoingFrame&)>& wanted) const {
  std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(queue_.begin(), queue_.end(), [&](const auto& frame) { return wanted(*frame); }));
}

base::Task<std::unique_ptr<OutgoingFrame>> LaneOutbox::next() {
  for (;;) {
    if (lane_->is_dead()) co_return nullptr;
    {
      std::lock_guard lock(mutex_);
      if (!queue_.empty()) {
        auto frame = std::move(queue_.front());
        queue_.pop_front();
        co_return frame;
      }
      writer_waits_ = true;
    }
    co_await changed_.wait();
  }
}

void LaneOutbox::give_back(std::unique_ptr<OutgoingFrame> frame) {
  {
    std::lock_guard lock(mutex_);
    done_.push_back(std::move(frame));
    if (std::exchange(done_told_, true)) return;
  }
  boost::asio::post(node_, [self = shared_from_this()] {
    if (self->on_done_) self->on_done_();
  });
}

base::Task<bool> LaneOutbox::run(std::shared_ptr<LaneOutbox> outbox) {
  for (;;) {
    auto frame = co_await outbox->next();
    if (!frame) break;
    auto written = co_await outbox->lane_->stream().write_gather(frame->parts);
    frame->written = written.has_value();
    outbox->give_back(std::move(frame));
    if (!written) break;
  }
  outbox->lane_->reset();
  co_return false;
}

}  // namespace kvp2p
