#include "gpu/host_copy_queue.h"

#include "base/thread_name.h"
#include "gpu/coded_copy.h"
#include "gpu/direct_copy.h"
#include "gpu/error.h"
#include "gpu/streaming_copy.h"

#include <fcntl.h>

#include <cstring>

namespace kvp2p {

namespace {

/// A run of so many bytes is for later, and one of many: the engine does not read it while it is in a cache.
constexpr std::size_t kPastCachesMinBytes = 128u << 10;

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
    } else if (bytes < kPastCachesMinBytes) {
      std::memcpy(engine, host, bytes);
    } else {
      copy_past_caches(engine, host, bytes);
    }
    bytes = 0;
  }
};

}  // namespace

void copy_slices(CopyDirection direction, const std::vector<SlicePlan>& plans, const CodedShape& shape,
                 std::uint8_t* region, const std::vector<SliceCopy>& slices) {
  PlainRun run;
  for (const SliceCopy& slice : slices) {
    const SlicePlan& plan = plans[slice.layer];
    if (shape.codec != Codec::kNone) {
      if (direction == CopyDirection::kGather) {
        gather_coded(plan, shape, region, slice.slot, slice.host);
      } else {
        scatter_coded(plan, shape, slice.host, region, slice.slot);
      }
      continue;
    }
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

namespace {

std::vector<SlicePlan> plans_of(const LayoutDesc& layout) {
  std::vector<SlicePlan> plans;
  for (std::uint32_t layer = 0; layer < layout.layers.size(); ++layer) plans.push_back(make_slice_plan(layout, layer));
  return plans;
}

}  // namespace

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

RegionId HostCopyQueue::add_region(const RegionMemory& memory, const LayoutDesc& layout) {
  auto region = std::make_shared<Region>();
  region->memory = memory;
  if (memory.memfd >= 0) region->memfd.reset(::fcntl(memory.memfd, F_DUPFD_CLOEXEC, 0));
  region->layout = layout;
  region->plans = plans_of(layout);
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
  idle_.wait(lock, [&] { return !region->running && region->running_now == 0; });
}

base::Result<LayoutDesc> HostCopyQueue::layout_of(RegionId id) const {
  std::lock_guard lock(mutex_);
  auto found = regions_.find(id);
  if (found == regions_.end()) return GpuError::kUnknownRegion;
  return found->second->layout;
}

base::Result<RegionExport> HostCopyQueue::export_region(RegionId id) const {
  std::lock_guard lock(mutex_);
  auto found = regions_.find(id);
  if (found == regions_.end()) return GpuError::kUnknownRegion;
  const Region& region = *found->second;
  if (!region.memfd) return GpuError::kNotShareable;
  RegionExport exported;
  exported.process = this_process();
  exported.address = reinterpret_cast<std::uintptr_t>(region.memory.start);
  exported.offset = region.memory.memfd_offset;
  exported.bytes = region.memory.bytes;
  exported.layout = region.layout;
  ExportPiece piece;
  piece.fd = region.memfd.duplicate();
  if (!piece.fd) return GpuError::kNotShareable;
  piece.bytes = exported.offset + exported.bytes;
  // The importer asks for as much, and would refuse.
  if (!is_sealed_at_least(piece.fd.get(), piece.bytes)) return GpuError::kNotShareable;
  exported.pieces.push_back(std::move(piece));
  return exported;
}

ImportId HostCopyQueue::add_import(MappedMemory memory, const LayoutDesc& layout) {
  auto import = std::make_shared<Import>();
  import->memory = std::move(memory);
  import->layout = layout;
  import->plans = plans_of(layout);
  std::lock_guard lock(mutex_);
  const ImportId id{next_id_++};
  imports_.emplace(id, std::move(import));
  return id;
}

void HostCopyQueue::remove_import(ImportId id) {
  std::shared_ptr<Import> import;  // unmapped after the lock is let go
  std::unique_lock lock(mutex_);
  auto found = imports_.find(id);
  if (found == imports_.end()) return;
  import = std::move(found->second);
  imports_.erase(found);
  for (auto& [region_id, region] : regions_) {
    std::erase_if(region->jobs, [&](const std::shared_ptr<Job>& job) {
      if (job->import != import) return false;
      failures_.push_back({std::move(job->done), GpuError::kUnknownImport});
      return true;
    });
    schedule(region);  // what was behind one of them may be ready
  }
  work_.notify_all();
  idle_.wait(lock, [&] { return import->running == 0; });
  lock.unlock();
}

bool HostCopyQueue::has_import(ImportId id) const {
  std::lock_guard lock(mutex_);
  return imports_.contains(id);
}

void HostCopyQueue::submit(RegionId id, CopyWork work, const ReadyEvent& ready, CopyDone done) {
  auto job = std::make_shared<Job>();
  job->work = std::move(work);
  {
    std::lock_guard lock(mutex_);
    if (auto good = prepare(id, *job, ready); !good) {
      failures_.push_back({std::move(done), good.error()});
      work_.notify_one();
      return;
    }
    job->done = std::move(done);
    job->ready = ready.host == nullptr;
    const auto& region = regions_.find(id)->second;
    region->jobs.push_back(job);
    schedule(region);
  }
  if (!ready.host) return;
  ready.host->when_signalled([queue = weak_from_this(), id, job] {
    if (auto alive = queue.lock()) alive->mark_ready(id, *job);
  });
}

bool HostCopyQueue::copy_now(RegionId id, CopyDirection direction, const std::vector<SliceCopy>& slices) {
  std::shared_ptr<Region> region;
  {
    std::lock_guard lock(mutex_);
    auto found = regions_.find(id);
    if (stopping_ || found == regions_.end() || !check(*found->second, slices)) return false;
    region = found->second;
    ++region->running_now;
  }
  copy_slices(direction, region->plans, CodedShape::of(region->layout.format), region->start(), slices);
  std::lock_guard lock(mutex_);
  if (--region->running_now == 0) idle_.notify_all();
  return true;
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

/// REQUIRES: locked.
base::Result<> HostCopyQueue::prepare(RegionId id, Job& job, const ReadyEvent& ready) const {
  if (stopping_) return GpuError::kStopping;
  auto region = regions_.find(id);
  if (region == regions_.end()) return GpuError::kUnknownRegion;
  if (ready.device != nullptr) return GpuError::kNoDevice;
  if (const auto* slices = std::get_if<SliceWork>(&job.work)) return check(*region->second, slices->slices);
  const auto& direct = std::get<DirectWork>(job.work);
  auto import = imports_.find(direct.from);
  if (import == imports_.end()) return GpuError::kUnknownImport;
  job.import = import->second;
  return check(*region->second, *import->second, direct);
}

base::Result<> HostCopyQueue::check(const Region& region, const std::vector<SliceCopy>& slices) {
  const std::uint32_t slots = region.layout.slots();
  for (const SliceCopy& slice : slices) {
    if (slice.slot >= slots) return GpuError::kSlotOutOfRange;
    if (slice.layer >= region.plans.size()) return GpuError::kLayerOutOfRange;
  }
  return {};
}

base::Result<> HostCopyQueue::check(const Region& region, const Import& from, const DirectWork& work) {
  if (!differ_only_in_layers(from.layout.format, region.layout.format)) return GpuError::kFormatMismatch;
  for (const IndexPair& slot : work.slots) {
    if (slot.from >= from.layout.slots() || slot.to >= region.layout.slots()) return GpuError::kSlotOutOfRange;
  }
  for (const IndexPair& layer : work.layers) {
    if (layer.from >= from.plans.size() || layer.to >= region.plans.size()) return GpuError::kLayerOutOfRange;
  }
  return {};
}

void HostCopyQueue::move_bytes(const Region& region, const Job& job) {
  if (const auto* slices = std::get_if<SliceWork>(&job.work)) {
    copy_slices(slices->direction, region.plans, CodedShape::of(region.layout.format), region.start(), slices->slices);
    return;
  }
  const auto& direct = std::get<DirectWork>(job.work);
  copy_between({job.import->memory.data(), job.import->plans}, {region.start(), region.plans}, direct.slots,
               direct.layers);
}

/// Before the completion is called: it may be what closes the import.
void HostCopyQueue::release_import(Job& job) {
  const std::shared_ptr<Import> import = std::move(job.import);  // unmapped, if this is the last, after the lock
  std::lock_guard lock(mutex_);
  --import->running;
  idle_.notify_all();
}

void HostCopyQueue::run_front_job(std::unique_lock<std::mutex>& lock, const std::shared_ptr<Region>& region) {
  const std::shared_ptr<Job> job = std::move(region->jobs.front());
  region->jobs.pop_front();
  region->running = true;
  if (job->import) ++job->import->running;
  lock.unlock();
  move_bytes(*region, *job);
  if (job->import) release_import(*job);
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
  base::name_this_thread("copy");
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
