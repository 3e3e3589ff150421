#include "gpu/host_copy_queue.h"

#include "gpu/error.h"

#include <cstring>

namespace kvp2p {

namespace {

/// A run of plain slices that is still growing.
struct PlainRun {
  std::uint8_t* engine = nullptr;
  std::uint8_t* host = nullptr;
  std::size_t bytes = 0;

  bool extend(std::uint8_t* next_engine, std::uint8_t* next_host, std::size_t more) {
    if (engine + bytes != next_engine || host + bytes != next_host) return false;
    bytes += more;
    return true;
  }
  void flush(CopyDirection direction) {
    if (bytes == 0) return;
    if (direction == CopyDirection::kGather) {
      std::memcpy(host, engine, bytes);
    } else {
      std::memcpy(engine, host, bytes);
    }
    bytes = 0;
  }
};

}  // namespace

void copy_slices(CopyDirection direction, const std::vector<SlicePlan>& plans, std::uint8_t* region,
                 const std::vector<SliceCopy>& slices) {
  PlainRun run;
  for (const SliceCopy& slice : slices) {
    const SlicePlan& plan = plans[slice.layer];
    if (!plan.is_plain()) {
      if (direction == CopyDirection::kGather) {
        gather_slice(plan, region, slice.slot, slice.host);
      } else {
        scatter_slice(plan, slice.host, region, slice.slot);
      }
      continue;
    }
    std::uint8_t* engine = region + plan.offset_of(slice.slot);
    if (run.bytes != 0 && run.extend(engine, slice.host, plan.slice_bytes)) continue;
    run.flush(direction);
    run = {engine, slice.host, plan.slice_bytes};
  }
  run.flush(direction);
}

void HostCopyQueue::start(unsigned threads) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

void HostCopyQueue::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& [id, region] : regions_) fail_jobs(*region, GpuError::kStopping);
    work_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

RegionId HostCopyQueue::add_region(std::uint8_t* start, const LayoutDesc& layout) {
  auto region = std::make_shared<Region>();
  region->start = start;
  region->layout = layout;
  for (std::uint32_t layer = 0; layer < layout.layers.size(); ++layer) {
    region->plans.push_back(make_slice_plan(layout, layer));
  }
  std::lock_guard lock(mutex_);
  const RegionId id{next_id_++};
  regions_.emplace(id, std::move(region));
  return id;
}

void HostCopyQueue::remove_region(RegionId id) {
  std::unique_lock lock(mutex_);
  auto found = regions_.find(id);
  if (found == regions_.end()) return;
  const std::shared_ptr<Region> region = found->second;
  regions_.erase(found);
  fail_jobs(*region, GpuError::kUnknownRegion);
  idle_.wait(lock, [&] { return !region->running; });
}

base::Result<LayoutDesc> HostCopyQueue::layout_of(RegionId id) const {
  std::lock_guard lock(mutex_);
  auto found = regions_.find(id);
  if (found == regions_.end()) return GpuError::kUnknownRegion;
  return found->second->layout;
}

void HostCopyQueue::submit(RegionId id, CopyDirection direction, std::vector<SliceCopy> slices, const ReadyEvent& ready,
                           CopyDone done) {
  auto job = std::make_shared<Job>();
  job->direction = direction;
  job->slices = std::move(slices);
  {
    std::lock_guard lock(mutex_);
    auto found = regions_.find(id);
    base::Result<> good;
    if (stopping_) {
      good = GpuError::kStopping;
    } else if (found == regions_.end()) {
      good = GpuError::kUnknownRegion;
    } else if (ready.device != nullptr) {
      good = GpuError::kNoDevice;
    } else {
      good = check(*found->second, job->slices);
    }
    if (!good) {
      failures_.push_back({std::move(done), good.error()});
      work_.notify_one();
      return;
    }
    job->done = std::move(done);
    job->ready = ready.host == nullptr;
    found->second->jobs.push_back(job);
    schedule(found->second);
  }
  if (!ready.host) return;
  ready.host->when_signalled([queue = weak_from_this(), id, job] {
    if (auto alive = queue.lock()) alive->mark_ready(id, *job);
  });
}

void HostCopyQueue::mark_ready(RegionId id, Job& job) {
  std::lock_guard lock(mutex_);
  job.ready = true;
  auto found = regions_.find(id);
  if (found != regions_.end()) schedule(found->second);
}

/// REQUIRES: locked.
void HostCopyQueue::schedule(const std::shared_ptr<Region>& region) {
  if (region->scheduled || region->jobs.empty() || !region->jobs.front()->ready) return;
  region->scheduled = true;
  runnable_.push_back(region);
  work_.notify_one();
}

/// REQUIRES: locked.
void HostCopyQueue::fail_jobs(Region& region, base::Error error) {
  for (auto& job : region.jobs) failures_.push_back({std::move(job->done), error});
  region.jobs.clear();
  work_.notify_all();
}

base::Result<> HostCopyQueue::check(const Region& region, const std::vector<SliceCopy>& slices) {
  const std::uint32_t slots = region.layout.slots();
  for (const SliceCopy& slice : slices) {
    if (slice.slot >= slots) return GpuError::kSlotOutOfRange;
    if (slice.layer >= region.plans.size()) return GpuError::kLayerOutOfRange;
  }
  return {};
}

void HostCopyQueue::run_front_job(std::unique_lock<std::mutex>& lock, const std::shared_ptr<Region>& region) {
  const std::shared_ptr<Job> job = region->jobs.front();
  region->jobs.pop_front();
  region->running = true;
  lock.unlock();
  copy_slices(job->direction, region->plans, region->start, job->slices);
  CopyDone done = std::move(job->done);
  done({});
  done = nullptr;
  lock.lock();
  region->running = false;
  region->scheduled = false;
  schedule(region);
  idle_.notify_all();
}

void HostCopyQueue::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return stopping_ || !runnable_.empty() || !failures_.empty(); });
    if (!failures_.empty()) {
      Failure failure = std::move(failures_.front());
      failures_.pop_front();
      lock.unlock();
      failure.done(failure.error);
      failure.done = nullptr;
      lock.lock();
    } else if (!runnable_.empty()) {
      const std::shared_ptr<Region> region = std::move(runnable_.front());
      runnable_.pop_front();
      if (!region->jobs.empty()) {
        run_front_job(lock, region);
      } else {
        region->scheduled = false;
      }
    } else if (stopping_) {
      return;
    }
  }
}

}  // namespace kvp2p
