#include "exchange/fetch_task.h"

#include "base/log.h"
#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/lookup_messages.h"
#include "wire/limits.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace kvp2p {

namespace {

/// Of a get_end or an answer to counts: how many frames went over that stream.
template <class Counts>
std::uint32_t count_of(const Counts& counts, std::uint32_t stream) {
  const auto at = std::find(counts.streams.begin(), counts.streams.end(), stream);
  return at == counts.streams.end() ? 0 : counts.counts[static_cast<std::size_t>(at - counts.streams.begin())];
}

}  // namespace

FetchTask::FetchTask(std::shared_ptr<NodeContext> context, std::uint64_t id, FetchRequest request, FetchSink& sink,
                     base::TimePoint deadline, Shared& shared)
    : context_(std::move(context)),
      id_(id),
      request_(std::move(request)),
      sink_(&sink),
      deadline_(deadline),
      shared_(shared) {
  slice_bytes_ = request_.format.head_slice_bytes() * (request_.head_end - request_.head_begin);
  lanes_wanted_ = std::max<std::size_t>(1, shared_.lanes.wanted_for(bytes_wanted()));
  may_be_packed_ = shared_.link.packs() && shared_.pack.next(bytes_wanted());
  may_be_joined_ = shared_.link.joins_layers();
  slices_per_frame_ = slices_per_frame();
  frames_ = std::make_shared<FetchFrames>(request_, slices_per_frame_ * slice_bytes_, may_be_packed_, may_be_joined_);
}

FetchTask::~FetchTask() = default;

void FetchTask::start_deadline() {
  deadline_timer_ = context_->clock.call_at(deadline_, [weak = weak_from_this()] {
    if (auto task = weak.lock()) task->end(ExchangeError::kTimeout);
  });
}

void FetchTask::begin() {
  if (ended_) return;
  began_ = silent_since_ = context_->clock.now();
  shared_.lanes.want(lanes_wanted_);
  if (ended_) return;
  begun_ = true;  // from now on lanes join by themselves
  streams_ = shared_.lanes.open_lanes();
  if (!streams_.empty()) ask();
}

void FetchTask::ask() {
  refill();
  asked_ = true;
  wire::Get get;
  get.lease = to_wire(request_.lease);
  get.format = request_.format;
  get.first_block = request_.first_block;
  get.blocks = request_.blocks;
  get.layers = request_.layers;
  get.head_begin = request_.head_begin;
  get.head_end = request_.head_end;
  const std::size_t room = frames_->room();
  get.credit = static_cast<std::uint32_t>(room);
  get.frame_bytes_max = frame_bytes_max();
  get.streams = streams_;
  get.time_ms = to_wire_ms(deadline_ - context_->clock.now());
  get.may_pack = may_be_packed_;
  get.may_join = may_be_joined_;
  frames_->grant(frames_->not_granted());
  shared_.link.send(id_, std::move(get));
}

std::size_t FetchTask::bytes_wanted() const { return request_.layers.size() * request_.blocks * slice_bytes_; }

std::size_t FetchTask::frame_bytes_max() const {
  // The lanes are to come to the end together.
  const std::size_t share = bytes_wanted() / (lanes_wanted_ * kFramesPerLane);
  const std::size_t liked = std::min(context_->frame_bytes(), std::max(share, kFrameBytesMin));
  // One slice must fit, even where it is larger than the frames that this node likes best.
  return std::min({std::max(liked, slice_bytes_), context_->staging->slot_bytes(), wire::kFramePayloadBytesMax});
}

// At most. A frame of several layers holds all blocks of each.
std::size_t FetchTask::slices_per_frame() const {
  const std::size_t fit = frame_bytes_max() / slice_bytes_;
  if (fit < request_.blocks) return fit;
  const std::size_t layers = std::min(fit / request_.blocks, request_.layers.size());
  return request_.blocks * (may_be_joined_ ? layers : 1);
}

std::size_t FetchTask::window() const {
  const StagingPool& staging = *context_->staging;
  const std::size_t bytes = frames_->room_bytes();
  const std::size_t share_of_pool = staging.slots() * staging.slot_bytes() / kFetchPoolShare / bytes;
  const std::size_t share_of_peer = shared_.bytes_max / std::max<std::size_t>(shared_.fetches, 1) / bytes;
  const std::size_t by_lanes = std::max(kFetchWindowFrames, kFetchWindowFramesPerLane * lanes_wanted_);
  return std::clamp<std::size_t>(std::min(share_of_pool, share_of_peer), 1, by_lanes);
}

std::size_t FetchTask::frames_wanted() const {
  // One more than what is left would fill, for the run's last frame of each layer is smaller. Never too few: while
  // anything is left this is at least 1, and each frame that comes makes room for another.
  const std::size_t left = frames_->slices_left();
  return std::min(left == 0 ? 0 : left / slices_per_frame_ + 1, window());
}

void FetchTask::refill() {
  if (ended_ || !begun_) return;
  const std::size_t wanted = frames_wanted();
  const std::size_t bytes = frames_->room_bytes();
  std::size_t room = frames_->room();
  while (room < wanted && (shared_.bytes == 0 || shared_.bytes + bytes <= shared_.bytes_max)) {
    auto lease = context_->staging->try_lease_part(bytes);
    if (!lease) {
      wait_for_slot();
      break;
    }
    shared_.bytes += bytes;
    ++leases_;
    ++room;
    frames_->add_room(std::move(*lease));
  }
  const std::size_t not_granted = frames_->not_granted();
  if (!asked_ || not_granted == 0 || retry_timer_) return;
  // A message a frame is too many; but a peer that has none left gets some at once.
  if (not_granted < room && not_granted * 4 < wanted) return;
  frames_->grant(not_granted);
  shared_.link.send(id_, wire::Credit{static_cast<std::uint32_t>(not_granted)});
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

// Lanes --------------------------------------------------------------------------------------------------------------

bool FetchTask::uses(std::uint32_t number) const {
  return std::find(streams_.begin(), streams_.end(), number) != streams_.end();
}

std::uint32_t FetchTask::received_over(std::uint32_t number) const {
  auto at = received_.find(number);
  return at == received_.end() ? 0 : at->second;
}

void FetchTask::on_lane_up(std::uint32_t number) {
  if (ended_ || !begun_ || frames_->slices_left() == 0 || streams_.size() == wire::kStreamsPerGetMax) return;
  streams_.push_back(number);
  if (!asked_) return ask();
  if (retry_timer_) return;  // it will be named then
  shared_.link.send(id_, wire::Streams{{number}});
}

void FetchTask::on_lane_ended(std::uint32_t number) {
  if (ended_ || !uses(number)) return;
  std::erase(streams_, number);
  if (!asked_ || retry_timer_) return;
  if (++losses_ > kLossesMax) return end(ExchangeError::kPeerGone);
  expected_.reset();
  counts_.reset();
  shared_.link.send(id_, wire::Lost{number, received_over(number)});
}

bool FetchTask::is_owed(std::uint32_t number) const {
  if (expected_ && expected_->streams.empty()) return uses(number) && frames_received_ < expected_->frames;
  if (expected_) return received_over(number) < count_of(*expected_, number);
  return counts_ && received_over(number) < count_of(*counts_, number);
}

void FetchTask::look_for_silence(base::Duration silence, const std::vector<std::uint32_t>& still) {
  const base::TimePoint now = context_->clock.now();
  // What this node has no room for, or has been refused, is no silence of the peer's. What get_end says is all there
  // is.
  const bool waits = !ended_ && asked_ && !retry_timer_ && !expected_ && is_owed();
  if (!waits || frames_seen_ != frames_received_) silent_since_ = now;
  frames_seen_ = frames_received_;
  if (!waits || now - began_ < silence) return;
  const bool is_silent = now - silent_since_ >= silence;
  const bool uses_still = std::any_of(still.begin(), still.end(), [this](std::uint32_t lane) { return uses(lane); });
  if (is_silent || uses_still) ask_counts(now, silence);
}

void FetchTask::ask_counts(base::TimePoint now, base::Duration silence) {
  if (!shared_.link.answers_counts()) return;
  if (counts_asked_ && now - *counts_asked_ < std::max(silence, kCountsInterval)) return;
  counts_asked_ = now;
  shared_.link.send(id_, wire::Counts{});
}

// From the peer ------------------------------------------------------------------------------------------------------

void FetchTask::deliver(ArrivedFrame arrived) {
  if (ended_) return;
  ++frames_received_;
  ++received_[arrived.lane];
  --leases_;
  shared_.bytes -= frames_->room_bytes();
  bytes_received_ += arrived.bytes;
  shared_.lanes.on_bytes(arrived.wire_bytes);
  // The sink may cancel from inside: then everything below finds it ended.
  sink_->on_frame(std::move(arrived.frame));
  refill();
  if (!ended_ && shared_.fetches > 1) shared_.freed();
  finish_if_complete();
}

void FetchTask::on_gone(const wire::Gone& gone) {
  for (const auto& range : gone.ranges) {
    if (ended_) return;
    if (range.first < request_.first_block || range.first + range.count > request_.first_block + request_.blocks) {
      return end(ExchangeError::kProtocolBroken);
    }
    for (std::uint32_t i = 0; i < range.count; ++i) frames_->mark_gone(range.first - request_.first_block + i);
    sink_->on_gone(range.first, range.count);
  }
}

void FetchTask::on_get_end(const wire::GetEnd& get_end) {
  if (get_end.losses < losses_) return;  // it has crossed our message of a loss
  if (expected_ || get_end.losses > losses_ || !fits(get_end)) return end(ExchangeError::kProtocolBroken);
  expected_ = get_end;
  finish_if_complete();
}

bool FetchTask::fits(const wire::GetEnd& get_end) const {
  for (std::size_t i = 0; i < get_end.streams.size(); ++i) {
    const std::uint32_t received = received_over(get_end.streams[i]);
    if (get_end.counts[i] < received) return false;
    // What was lost is known exactly.
    if (get_end.counts[i] > received && !uses(get_end.streams[i])) return false;
  }
  return true;
}

void FetchTask::on_counts(const wire::CountsAnswer& counts) {
  // Nobody has asked, or it comes too late.
  if (ended_ || !counts_asked_ || expected_ || counts.losses < losses_) return;
  if (counts.losses > losses_) return end(ExchangeError::kProtocolBroken);
  counts_ = counts;
}

void FetchTask::finish_if_complete() {
  if (ended_ || !expected_ || frames_received_ < expected_->frames) return;
  if (frames_received_ > expected_->frames || frames_->slices_left() > 0) return end(ExchangeError::kProtocolBroken);
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
    task->losses_ = 0;                           // of the request that was refused
    task->counts_asked_.reset();
    task->asked_ = false;
    if (!task->streams_.empty()) task->ask();
  });
}

void FetchTask::stop(bool is_complete) {
  ended_ = true;
  deadline_timer_.reset();
  retry_timer_.reset();
  shared_.bytes -= leases_ * frames_->room_bytes();
  leases_ = 0;
  if (on_ended_) on_ended_(is_complete);
}

void FetchTask::cancel() {
  if (ended_) return;
  auto self = shared_from_this();
  if (asked_) shared_.link.send(id_, wire::Cancel{});
  if (!ended_) stop(false);
}

void FetchTask::tell_of_timeout() {
  if (!asked_ || shared_.timeouts_logged++ >= kStallsLoggedMax) return;
  const auto silent = std::chrono::duration<double>(context_->clock.now() - silent_since_);
  LOG_WARN("peer {}: a fetch ended at its deadline, {} of {} slices to come; nothing had come for {:.1f} s",
           shared_.link.peer().short_text(), frames_->slices_left(), request_.layers.size() * request_.blocks,
           silent.count());
}

void FetchTask::end(base::Result<> outcome) {
  if (ended_) return;
  auto self = shared_from_this();
  const bool timeout = !outcome && outcome.error() == ExchangeError::kTimeout;
  if (outcome) {
    shared_.lanes.on_fetched(bytes_received_, context_->clock.now() - began_);
    shared_.pack.record(may_be_packed_, bytes_received_, context_->clock.now() - began_);
  } else {
    ++context_->stats.fetches_failed;
    if (timeout) {
      tell_of_timeout();
      shared_.lanes.end_stuck();
    }
  }
  // All has come, or nobody waits for the rest.
  const bool tell = asked_ && (outcome || timeout || outcome.error() == ExchangeError::kProtocolBroken);
  SessionLink& link = shared_.link;
  stop(outcome.has_value());
  if (tell) link.send(id_, wire::Cancel{});
  sink_->on_end(outcome);
}

}  // namespace kvp2p
