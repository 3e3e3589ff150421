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

FetchClient::FetchClient(std::shared_ptr<NodeContext> context, SessionLink& link)
    : context_(std::move(context)), link_(link), stalls_(context_->clock, link.peer(), [this] { return is_owed(); }) {
  room_.bytes_max = context_->config.bytes_in_flight_max;
  room_.freed = [this] {
    // Refilling calls nobody: the table does not change meanwhile.
    for (auto& [id, task] : tasks_) task->refill();
  };
}

std::unique_ptr<Fetch> FetchClient::start(FetchRequest request, FetchSink& sink, base::TimePoint deadline) {
  ++context_->stats.fetches;
  if (auto problem = problem_of(request, *context_->staging)) return failed_fetch(context_, sink, problem);
  if (tasks_.size() >= kRequestsSentMax) return failed_fetch(context_, sink, ExchangeError::kTooManyRequests);
  const std::uint64_t id = link_.next_id();
  auto task = std::make_shared<FetchTask>(context_, link_, id, std::move(request), sink, deadline, room_);
  tasks_[id] = task;
  stalls_.on_fetch_begun();
  room_.fetches = tasks_.size();
  task->on_ended([this, id] {
    tasks_.erase(id);
    stalls_.on_fetch_ended();
    room_.fetches = tasks_.size();
    room_.freed();
  });
  task->start_deadline();
  spawn_counted(context_, FetchTask::run(task, link_.keep_alive()));
  return std::make_unique<FetchHandle>(std::move(task));
}

std::shared_ptr<FetchTask> FetchClient::find(std::uint64_t id) const {
  auto at = tasks_.find(id);
  return at == tasks_.end() ? nullptr : at->second;
}

base::Result<std::unique_ptr<FramePlace>> FetchClient::place(std::uint64_t request, wire::FrameHeader header) {
  auto task = find(request);
  if (!task) return ExchangeError::kCancelled;
  stalls_.on_frame();
  return task->place(std::move(header));
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

void FetchClient::on_stream_ended(const DataStream& stream) {
  std::shared_ptr<FetchTask> user;
  for (auto& [id, task] : tasks_) {
    if (task->uses(stream)) user = task;
  }
  if (user) user->end(ExchangeError::kPeerGone);
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
