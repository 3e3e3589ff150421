#include "exchange/frame_registry.h"

#include "exchange/exchange_error.h"
#include "exchange/limits.h"

#include <boost/asio/post.hpp>

namespace kvp2p {

/// A frame on its way into a staging slot. Holds the slot itself: the fetch may end while the payload is being read.
class FrameRegistry::Place final : public FramePlace {
 public:
  Place(FrameRegistry& registry, std::shared_ptr<FetchFrames> fetch, ArrivedFrame arrived, wire::FrameHeader header,
        StagingLease staging)
      : registry_(registry),
        fetch_(std::move(fetch)),
        arrived_(std::move(arrived)),
        header_(std::move(header)),
        staging_(std::move(staging)) {}
  ~Place() override {
    if (!complete_) fetch_->give_back(header_, std::move(staging_));
  }

  base::MutableBytes payload() override { return staging_.bytes().first(header_.wire_bytes()); }
  void complete() override {
    complete_ = true;
    ReceivedFrame& frame = arrived_.frame;
    frame.layer = header_.layer;
    frame.layers = header_.layers;
    frame.first_block = header_.first_block;
    frame.blocks = header_.blocks;
    frame.payload = staging_.bytes().first(header_.length);
    frame.packed_bytes = header_.packed;
    frame.staging = std::move(staging_);
    frame.leaves = std::move(header_.leaves);
    if (FrameWorker* worker = fetch_->worker()) frame.work = worker->work(frame);
    registry_.push({std::move(arrived_), false});
  }

 private:
  FrameRegistry& registry_;
  std::shared_ptr<FetchFrames> fetch_;
  ArrivedFrame arrived_;
  wire::FrameHeader header_;
  StagingLease staging_;
  bool complete_ = false;
};

class FrameRegistry::NoPlace final : public FramePlace {
 public:
  base::MutableBytes payload() override { return {}; }
  void complete() override {}
};

FrameRegistry::FrameRegistry(const base::Executor& node, std::function<void()> on_arrived)
    : node_(node), on_arrived_(std::make_shared<std::function<void()>>(std::move(on_arrived))) {}

FrameRegistry::~FrameRegistry() { *on_arrived_ = nullptr; }

void FrameRegistry::add(std::uint64_t request, std::shared_ptr<FetchFrames> frames) {
  std::lock_guard lock(mutex_);
  fetches_[request] = std::move(frames);
}

void FrameRegistry::remove(std::uint64_t request, bool is_complete) {
  std::shared_ptr<FetchFrames> fetch;  // goes after the lock
  std::lock_guard lock(mutex_);
  auto at = fetches_.find(request);
  if (at == fetches_.end()) return;
  fetch = std::move(at->second);
  fetches_.erase(at);
  const std::size_t credit = fetch->close();
  if (is_complete || credit == 0) return;
  remains_[request] = {credit, fetch->room_bytes()};
  remains_order_.push_back(request);
  if (remains_order_.size() <= kEndedFetchesMax) return;
  remains_.erase(remains_order_.front());
  remains_order_.pop_front();
}

std::vector<FrameRegistry::Arrival> FrameRegistry::take_arrived() {
  std::lock_guard lock(mutex_);
  told_ = false;
  return std::exchange(arrived_, {});
}

// REQUIRES: mutex_ is held.
bool FrameRegistry::take_remains(const ReceivedHeader& header) {
  auto at = remains_.find(header.request);
  if (at == remains_.end() || at->second.credit == 0 || header.frame.length > at->second.frame_bytes_max) return false;
  --at->second.credit;
  return true;
}

base::Result<std::unique_ptr<FramePlace>> FrameRegistry::place(const Lane& lane, ReceivedHeader header) {
  std::shared_ptr<FetchFrames> fetch;
  {
    std::lock_guard lock(mutex_);
    auto at = fetches_.find(header.request);
    if (at != fetches_.end()) {
      fetch = at->second;
    } else {
      if (!take_remains(header)) return ExchangeError::kProtocolBroken;
      return std::unique_ptr<FramePlace>(new NoPlace);
    }
  }
  auto staging = fetch->take(header.frame);
  if (!staging && staging.error() == ExchangeError::kCancelled) {
    // It has ended just now.
    std::lock_guard lock(mutex_);
    if (take_remains(header)) return std::unique_ptr<FramePlace>(new NoPlace);
  }
  ArrivedFrame arrived{lane.number(),
                       lane.is_data_connection(),
                       header.request,
                       header.frame.length,
                       header.frame.wire_bytes(),
                       header.decode_time,
                       {}};
  if (!staging) {
    push({std::move(arrived), true});
    return staging.error();
  }
  return std::unique_ptr<FramePlace>(
      new Place(*this, std::move(fetch), std::move(arrived), std::move(header.frame), std::move(*staging)));
}

void FrameRegistry::push(Arrival arrival) {
  {
    std::lock_guard lock(mutex_);
    arrived_.push_back(std::move(arrival));
    if (std::exchange(told_, true)) return;
  }
  boost::asio::post(node_, [weak = std::weak_ptr(on_arrived_)] {
    // The node thread's: nobody else lets go of it.
    auto call = weak.lock();
    if (call && *call) (*call)();
  });
}

}  // namespace kvp2p
