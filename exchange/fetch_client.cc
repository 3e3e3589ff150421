#include "exchange/fetch_client.h"

#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "wire/limits.h"
#include "wire/validate.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace kvp2p {

namespace {

class FetchHandle final : public Fetch {
 public:
  explicit FetchHandle(std::shared_ptr<FetchTask> task) : task_(std::move(task)) {}
  ~FetchHandle() override { task_->cancel(); }

 private:
  std::shared_ptr<FetchTask> task_;
};

class FailedFetch final : public Fetch {
 public:
  FailedFetch(const base::Executor& executor, FetchSink& sink, base::Error error) {
    boost::asio::post(executor, [weak = std::weak_ptr<bool>(wanted_), &sink, error] {
      if (!weak.expired()) sink.on_end(error);
    });
  }

 private:
  std::shared_ptr<bool> wanted_ = std::make_shared<bool>(true);
};

/// Whether the peer will find the request in order too.
base::Error problem_of(const FetchRequest& request, const StagingPool& staging) {
  wire::Get get;
  get.format = request.format;
  get.first_block = request.first_block;
  get.blocks = request.blocks;
  get.layers = request.layers;
  get.head_begin = request.head_begin;
  get.head_end = request.head_end;
  get.frame_bytes_max = wire::kFramePayloadBytesMax;
  get.streams = {1};
  if (!wire::is_consistent(get)) return ExchangeError::kBadRequest;
  const std::size_t slice_bytes = request.format.head_slice_bytes() * (request.head_end - request.head_begin);
  if (slice_bytes > staging.slot_bytes()) return ExchangeError::kSliceTooLarge;
  return {};
}

}  // namespace

FetchClient::FetchClient(std::shared_ptr<NodeContext> context, SessionLink& link, LaneSet& lanes)
    : context_(std::move(context)),
      shared_{0, context_->config.bytes_in_flight_max, 0, nullptr, link, lanes, PackChoice(context_->config.pack.mode)},
      registry_(context_->executor, [this] { deliver(); }),
      stalls_(context_->clock, link.peer(), [this] { return is_owed(); }) {
  shared_.freed = [this] {
    for (const auto& task : tasks()) task->refill();
  };
}

std::unique_ptr<Fetch> FetchClient::start(FetchRequest request, FetchSink& sink, base::TimePoint deadline) {
  ++context_->stats.fetches;
  if (auto problem = problem_of(request, *context_->staging)) return failed_fetch(context_, sink, problem);
  if (tasks_.size() >= kRequestsSentMax) return failed_fetch(context_, sink, ExchangeError::kTooManyRequests);
  const std::uint64_t id = shared_.link.next_id();
  auto task = std::make_shared<FetchTask>(context_, id, std::move(request), sink, deadline, shared_);
  tasks_[id] = task;
  shared_.fetches = tasks_.size();
  registry_.add(id, task->frames());
  stalls_.on_fetch_begun();
  task->on_ended([this, id](bool is_complete) {
    registry_.remove(id, is_complete);
    tasks_.erase(id);
    stalls_.on_fetch_ended();
    shared_.fetches = tasks_.size();
    shared_.freed();
    if (tasks_.empty()) shared_.lanes.on_idle();
  });
  task->start_deadline();
  spawn_counted(context_, begin(task, shared_.link.keep_alive()));
  return std::make_unique<FetchHandle>(std::move(task));
}

base::Task<> FetchClient::begin(std::shared_ptr<FetchTask> task, [[maybe_unused]] std::shared_ptr<void> keep) {
  task->begin();
  co_return;
}

std::shared_ptr<FetchTask> FetchClient::find(std::uint64_t id) const {
  auto at = tasks_.find(id);
  return at == tasks_.end() ? nullptr : at->second;
}

std::vector<std::shared_ptr<FetchTask>> FetchClient::tasks() const {
  std::vector<std::shared_ptr<FetchTask>> all;
  all.reserve(tasks_.size());
  for (const auto& [id, task] : tasks_) all.push_back(task);
  return all;
}

void FetchClient::deliver() {
  auto keep = shared_.link.keep_alive();
  for (auto& [frame, is_broken] : registry_.take_arrived()) {
    context_->stats.deserialise_time += frame.decode_time;
    if (!is_broken) context_->stats.bytes_received += frame.bytes;
    if (!is_broken) bytes_received_ += frame.bytes;
    if (!is_broken) context_->stats.wire_bytes_received += frame.wire_bytes;
    if (!is_broken && frame.is_over_data_connection) context_->stats.bytes_over_data_connections += frame.bytes;
    auto task = find(frame.request);
    if (!task) continue;
    stalls_.on_frame();
    if (is_broken) {
      task->end(ExchangeError::kProtocolBroken);
    } else {
      task->deliver(std::move(frame));
    }
  }
}

bool FetchClient::is_owed() const {
  return std::any_of(tasks_.begin(), tasks_.end(), [](const auto& entry) { return entry.second->is_owed(); });
}

bool FetchClient::on_gone(std::uint64_t id, const wire::Gone& gone) {
  auto task = find(id);
  if (task) task->on_gone(gone);
  return task != nullptr;
}

bool FetchClient::on_get_end(std::uint64_t id, const wire::GetEnd& end) {
  auto task = find(id);
  if (task) task->on_get_end(end);
  return task != nullptr;
}

bool FetchClient::on_counts(std::uint64_t id, const wire::CountsAnswer& counts) {
  auto task = find(id);
  if (task) task->on_counts(counts);
  return task != nullptr;
}

bool FetchClient::on_busy(std::uint64_t id, const wire::Busy& busy) {
  auto task = find(id);
  if (task) task->on_busy(busy);
  return task != nullptr;
}

bool FetchClient::fail(std::uint64_t id, base::Error error) {
  auto task = find(id);
  if (task) task->end(error);
  return task != nullptr;
}

void FetchClient::on_lane_up(std::uint32_t number) {
  for (const auto& task : tasks()) task->on_lane_up(number);
}

void FetchClient::on_lane_ended(std::uint32_t number, LaneEnd how) {
  deliver();
  for (const auto& task : tasks()) {
    if (how == LaneEnd::kBroken && task->uses(number)) task->end(ExchangeError::kPeerGone);
    task->on_lane_ended(number);
  }
}

void FetchClient::on_no_lane(base::Error error) {
  for (const auto& task : tasks()) {
    if (!task->has_lanes()) task->end(error);
  }
}

bool FetchClient::is_owed(std::uint32_t lane) const {
  return std::any_of(tasks_.begin(), tasks_.end(), [lane](const auto& entry) { return entry.second->is_owed(lane); });
}

void FetchClient::look_for_silence(base::Duration silence, const std::vector<std::uint32_t>& still) {
  for (const auto& task : tasks()) task->look_for_silence(silence, still);
}

void FetchClient::end_all(base::Error error) {
  while (!tasks_.empty()) {
    auto task = tasks_.begin()->second;
    task->end(error);
  }
}

std::unique_ptr<Fetch> failed_fetch(const std::shared_ptr<NodeContext>& context, FetchSink& sink, base::Error error) {
  ++context->stats.fetches_failed;
  return std::make_unique<FailedFetch>(context->executor, sink, error);
}

}  // namespace kvp2p
