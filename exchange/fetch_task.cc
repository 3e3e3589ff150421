#include "exchange/fetch_task.h"

#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/lookup_messages.h"
#include "wire/limits.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace kvp2p {

/// A frame on its way into a staging slot. Holds the slot itself: the fetch may end while the payload is being read.
class FetchTask::Place final : public FramePlace {
 public:
  Place(std::shared_ptr<FetchTask> task, StagingLease staging, wire::FrameHeader header)
      : task_(std::move(task)), staging_(std::move(staging)), header_(std::move(header)) {}

  base::MutableBytes payload() override { return staging_.bytes().first(header_.length); }
  void complete() override { task_->deliver(std::move(staging_), std::move(header_)); }

 private:
  std::shared_ptr<FetchTask> task_;
  StagingLease staging_;
  wire::FrameHeader header_;
};

FetchTask::FetchTask(std::shared_ptr<NodeContext> context, SessionLink& link, std::uint64_t id, FetchRequest request,
                     FetchSink& sink, base::TimePoint deadline, PeerRoom& peer_room)
    : context_(std::move(context)),
      link_(link),
      id_(id),
      request_(std::move(request)),
      sink_(&sink),
      deadline_(deadline),
      peer_room_(peer_room),
      layer_index_(kLayersMax, -1),
      seen_(request_.layers.size() * request_.blocks),
      gone_(request_.blocks),
      slices_left_(seen_.size()) {
  slice_bytes_ = request_.format.head_slice_bytes() * (request_.head_end - request_.head_begin);
  for (std::size_t i = 0; i < request_.layers.size(); ++i) {
    layer_index_[request_.layers[i]] = static_cast<std::int32_t>(i);
  }
}

FetchTask::~FetchTask() = default;

void FetchTask::start_deadline() {
  deadline_timer_ = context_->clock.call_at(deadline_, [weak = weak_from_this()] {
    if (auto task = weak.lock()) task->end(ExchangeError::kTimeout);
  });
}

base::Task<> FetchTask::run(std::shared_ptr<FetchTask> task, [[maybe_unused]] std::shared_ptr<void> keep) {
  if (task->ended_) co_return;
  auto stream = co_await task->link_.acquire_stream();
  if (task->ended_) {
    if (stream) task->link_.release_stream(std::move(*stream));
    co_return;
  }
  if (!stream) {
    task->end(stream.error());
    co_return;
  }
  task->stream_ = std::move(*stream);
  task->ask();
}

void FetchTask::ask() {
  began_ = context_->clock.now();
  refill();
  wire::Get get;
  get.lease = to_wire(request_.lease);
  get.format = request_.format;
  get.first_block = request_.first_block;
  get.blocks = request_.blocks;
  get.layers = request_.layers;
  get.head_begin = request_.head_begin;
  get.head_end = request_.head_end;
  get.credit = static_cast<std::uint32_t>(room_.size());
  get.frame_bytes_max = frame_bytes_max();
  get.streams = {stream_->number};
  get.time_ms = to_wire_ms(deadline_ - context_->clock.now());
  not_granted_ = 0;
  asked_ = true;
  link_.send(id_, std::move(get));
}

std::size_t FetchTask::frame_bytes_max() const {
  // One slice must fit, even where it is larger than the frames that this node likes best.
  return std::min(
      {std::max(context_->frame_bytes(), slice_bytes_), context_->staging->slot_bytes(), wire::kFramePayloadBytesMax});
}

// A small get's frames are no larger than one layer of all its blocks.
std::size_t FetchTask::room_bytes() const {
  return std::min<std::size_t>(frame_bytes_max(), std::size_t{request_.blocks} * slice_bytes_);
}

std::size_t FetchTask::window() const {
  const StagingPool& staging = *context_->staging;
  const std::size_t share_of_pool = staging.slots() * staging.slot_bytes() / kFetchPoolShare / room_bytes();
  const std::size_t share_of_peer = peer_room_.bytes_max / std::max<std::size_t>(peer_room_.fetches, 1) / room_bytes();
  return std::clamp<std::size_t>(std::min(share_of_pool, share_of_peer), 1, kFetchWindowFrames);
}

std::size_t FetchTask::frames_wanted() const {
  const std::size_t slices_per_frame = frame_bytes_max() / slice_bytes_;
  // One more than what is left would fill, for the run's last frame of each layer is smaller. Never too few: while
  // anything is left this is at least 1, and each frame that comes makes room for another.
  const std::size_t needed = slices_left_ == 0 ? 0 : slices_left_ / slices_per_frame + 1;
  return std::min(needed, window());
}

void FetchTask::refill() {
  if (ended_ || !stream_) return;
  const std::size_t wanted = frames_wanted();
  while (room_.size() < wanted && (peer_room_.bytes == 0 || peer_room_.bytes + room_bytes() <= peer_room_.bytes_max)) {
    auto lease = context_->staging->try_lease_part(room_bytes());
    if (!lease) {
      wait_for_slot();
      break;
    }
    peer_room_.bytes += room_bytes();
    ++not_granted_;
    room_.push_back(std::move(*lease));
  }
  if (!asked_ || not_granted_ == 0) return;
  // A message a frame is too many; but a peer that has none left gets some at once.
  if (not_granted_ < room_.size() && not_granted_ * 4 < wanted) return;
  link_.send(id_, wire::Credit{static_cast<std::uint32_t>(not_granted_)});
  not_granted_ = 0;
}

void FetchTask::wait_for_slot() {
  if (waiting_for_slot_) return;
  waiting_for_slot_ = true;
  auto again = [weak = weak_from_this()] {
    auto task = weak.lock();
    if (!task) return;
    task->waiting_for_slot_ = false;
    task->refill();
  };
  context_->staging->when_free([executor = context_->executor, again] { boost::asio::post(executor, again); });
}

bool FetchTask::slices_are_new(const wire::FrameHeader& header, std::size_t layer_index) const {
  const std::size_t first = layer_index * request_.blocks + (header.first_block - request_.first_block);
  return std::none_of(seen_.begin() + static_cast<std::ptrdiff_t>(first),
                      seen_.begin() + static_cast<std::ptrdiff_t>(first + header.blocks),
                      [](bool seen) { return seen; });
}

base::Result<std::unique_ptr<FramePlace>> FetchTask::place(wire::FrameHeader header) {
  const std::int32_t layer_index = layer_index_[std::min<std::size_t>(header.layer, kLayersMax - 1)];
  const std::size_t heads = request_.head_end - request_.head_begin;
  const bool fits = header.layer < kLayersMax && layer_index >= 0 && header.layers == 1 &&
                    header.first_block >= request_.first_block &&
                    header.first_block + header.blocks <= request_.first_block + request_.blocks &&
                    header.length == header.blocks * slice_bytes_ && header.leaves.size() == header.blocks * heads &&
                    header.length <= room_bytes() && room_.size() > not_granted_ &&  // beyond its credit otherwise
                    slices_are_new(header, static_cast<std::size_t>(layer_index));
  if (!fits) {
    end(ExchangeError::kProtocolBroken);
    return ExchangeError::kProtocolBroken;
  }
  for (std::uint32_t i = 0; i < header.blocks; ++i) {
    const std::size_t block = header.first_block - request_.first_block + i;
    seen_[static_cast<std::size_t>(layer_index) * request_.blocks + block] = true;
    if (!gone_[block]) --slices_left_;
  }
  StagingLease staging = std::move(room_.front());
  room_.pop_front();
  peer_room_.bytes -= room_bytes();
  return std::unique_ptr<FramePlace>(new Place(shared_from_this(), std::move(staging), std::move(header)));
}

void FetchTask::deliver(StagingLease staging, wire::FrameHeader header) {
  if (ended_) return;
  ++frames_received_;
  bytes_received_ += header.length;
  ReceivedFrame frame;
  frame.layer = header.layer;
  frame.first_block = header.first_block;
  frame.blocks = header.blocks;
  frame.payload = staging.bytes().first(header.length);
  frame.staging = std::move(staging);
  frame.leaves = std::move(header.leaves);
  // The sink may cancel from inside: then everything below finds it ended.
  sink_->on_frame(std::move(frame));
  refill();
  if (!ended_ && peer_room_.fetches > 1) peer_room_.freed();
  finish_if_complete();
}

void FetchTask::on_gone(const wire::Gone& gone) {
  for (const auto& range : gone.ranges) {
    if (ended_) return;
    if (range.first < request_.first_block || range.first + range.count > request_.first_block + request_.blocks) {
      return end(ExchangeError::kProtocolBroken);
    }
    for (std::uint32_t i = 0; i < range.count; ++i) {
      const std::size_t block = range.first - request_.first_block + i;
      if (gone_[block]) continue;
      gone_[block] = true;
      for (std::size_t layer = 0; layer < request_.layers.size(); ++layer) {
        if (!seen_[layer * request_.blocks + block]) --slices_left_;
      }
    }
    sink_->on_gone(range.first, range.count);
  }
}

void FetchTask::on_get_end(const wire::GetEnd& get_end) {
  if (frames_expected_) return end(ExchangeError::kProtocolBroken);
  frames_expected_ = get_end.frames;
  finish_if_complete();
}

void FetchTask::finish_if_complete() {
  if (ended_ || !frames_expected_ || frames_received_ < *frames_expected_) return;
  if (frames_received_ > *frames_expected_ || slices_left_ > 0) return end(ExchangeError::kProtocolBroken);
  end({});
}

void FetchTask::on_busy(const wire::Busy& busy) {
  if (ended_ || retry_timer_) return;
  const base::TimePoint again = context_->clock.now() + std::max(from_wire_ms(busy.retry_after_ms), kBusyRetry);
  if (frames_received_ > 0 || again >= deadline_) return end(ExchangeError::kBusy);
  retry_timer_ = context_->clock.call_at(again, [weak = weak_from_this()] {
    auto task = weak.lock();
    if (!task || task->ended_) return;
    auto timer = std::move(task->retry_timer_);  // this call's own: it lives until the call is over
    task->ask();
  });
}

void FetchTask::stop() {
  ended_ = true;
  deadline_timer_.reset();
  retry_timer_.reset();
  peer_room_.bytes -= room_.size() * room_bytes();
  room_.clear();
  stream_.reset();  // whoever holds the Fetch may outlive the connection
  if (on_ended_) on_ended_();
}

void FetchTask::cancel() {
  if (ended_) return;
  auto self = shared_from_this();
  if (asked_) link_.send(id_, wire::Cancel{});
  // The stream may be in the middle of a frame: nothing else can be told from it.
  if (stream_) stream_->reset();
  stop();
}

void FetchTask::end(base::Result<> outcome) {
  if (ended_) return;
  auto self = shared_from_this();
  if (outcome) {
    const double seconds = std::chrono::duration<double>(context_->clock.now() - began_).count();
    if (seconds > 0 && bytes_received_ > 0) link_.measured_rate(static_cast<double>(bytes_received_) / seconds);
    link_.release_stream(std::move(stream_));
  } else {
    ++context_->stats.fetches_failed;
    if (asked_ && outcome.error() == ExchangeError::kTimeout) link_.send(id_, wire::Cancel{});
    if (stream_) stream_->reset();
  }
  stop();
  sink_->on_end(outcome);
}

}  // namespace kvp2p
