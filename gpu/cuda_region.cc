#include "gpu/cuda_region.h"

#include "gpu/error.h"
#include "gpu/strided_copy.h"

#include <algorithm>
#include <cstring>

namespace kvp2p {

namespace {

/// Of a large copy, queued by the thread that asks for it.
constexpr unsigned kChunksAtSubmit = 2;
constexpr unsigned kNoLimit = ~0u;

}  // namespace

base::Result<CudaRegionHandle> make_cuda_region(int device, void* start, std::size_t bytes, const LayoutDesc& layout) {
  std::vector<kvc_slice_plan> plans;
  for (std::uint32_t layer = 0; layer < layout.layers.size(); ++layer) {
    const SlicePlan plan = make_slice_plan(layout, layer);
    kvc_slice_plan raw = {};
    raw.base = plan.base;
    for (int i = 0; i < 3; ++i) raw.loops[i] = {plan.loops[i].count, plan.loops[i].engine_stride};
    raw.run_bytes = plan.run_bytes;
    raw.slice_bytes = plan.slice_bytes;
    raw.block_stride = plan.block_stride;
    raw.slot_stride = plan.slot_stride;
    raw.slots_per_block = plan.slots_per_block;
    plans.push_back(raw);
  }
  kvc_region* region = nullptr;
  const kvc_status status = kvc_region_create(device, start, bytes, plans.data(),
                                              static_cast<std::uint32_t>(plans.size()), layout.slots(), &region);
  if (status != KVC_OK) return cuda_error(status, "register a region");
  CudaRegionHandle handle(region);
  const ObjectFormat& format = layout.format;
  const kvc_status coded =
      kvc_region_set_codec(region, static_cast<kvc_codec>(format.codec), static_cast<kvc_element>(format.element),
                           format.head_dim, static_cast<std::uint32_t>(format.rows()));
  if (coded != KVC_OK) return cuda_error(coded, "code a region's blocks");
  return handle;
}

base::Result<std::shared_ptr<CudaRegion>> CudaRegion::create(std::shared_ptr<CudaServices> services,
                                                             const RegionMemory& memory, const LayoutDesc& layout) {
  std::shared_ptr<CudaRegion> region(new CudaRegion(std::move(services), memory, layout));
  const int device = region->services_->device;
  auto handle = make_cuda_region(device, memory.start, memory.bytes, layout);
  if (!handle) return handle.error();
  region->handle_ = std::move(*handle);
  for (CudaStream* stream : {&region->kernels_, &region->to_host_, &region->to_device_, &region->events_}) {
    auto made = make_cuda_stream(device);
    if (!made) return made.error();
    *stream = std::move(*made);
  }
  return region;
}

void CudaRegion::submit(std::shared_ptr<CudaJob> job) {
  const auto host_event = std::move(job->ready.host);  // it will hold the job, so the job must not hold it
  const bool left_to_pump = is_small(*job) && services_->pump.is_awake();
  // Wakes while this thread launches.
  services_->pump.kick();
  {
    std::lock_guard lock(mutex_);
    if (closed_) {
      services_->pump.fail(std::move(job->done), *closed_);
      return;
    }
    job->host_ready = host_event == nullptr;
    waiting_.push_back(job);
    if (!left_to_pump) advance(kChunksAtSubmit);
  }
  services_->pump.kick();
  if (!host_event) return;
  host_event->when_signalled([weak = weak_from_this(), job] {
    const auto region = weak.lock();
    if (!region) return;
    {
      std::lock_guard lock(region->mutex_);
      job->host_ready = true;
    }
    region->services_->pump.kick();
  });
}

void CudaRegion::advance(unsigned chunks_max) {
  while (!waiting_.empty()) {
    if (launch_together()) continue;
    const std::shared_ptr<CudaJob> job = waiting_.front();
    if (!job->host_ready || filling_ || !step(job, chunks_max)) return;
    waiting_.pop_front();
    flying_.push_back(job);
    changed_.notify_all();
  }
}

bool CudaRegion::launch_together() {
  if (filling_ || waiting_.front()->slices.empty()) return false;
  const PinnedRange range =
      services_->pinned->find(waiting_.front()->slices.front().host, waiting_.front()->spread.slice_bytes);
  if (range.start == nullptr) return false;
  std::vector<std::shared_ptr<CudaJob>> jobs(
      waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count_together(waiting_, range)));
  const auto held_up =
      std::find_if(jobs.begin(), jobs.end(), [this](const auto& job) { return !job->begun && !begin(*job); });
  jobs.erase(held_up, jobs.end());
  if (jobs.size() < 2) return false;
  auto event = services_->events.take();
  if (!event) return false;  // one by one they fail and say so
  std::vector<kvc_slice> slices;
  for (const auto& job : jobs) {
    for (const SliceCopy& slice : job->slices) {
      slices.push_back({slice.slot, slice.layer, static_cast<std::size_t>(slice.host - range.start)});
    }
    job->next = job->slices.size();
    ++job->chunks;
  }
  const kvc_status status = launch(jobs.front()->kind, slices, range.start, range.bytes);
  if (status != KVC_OK) {
    const base::Error error = cuda_error(status, "copy several runs of blocks");
    for (const auto& job : jobs) job->error = error;
  }
  for (const auto& job : jobs) {
    waiting_.pop_front();
    flying_.push_back(job);
  }
  add_part(std::move(jobs), std::move(*event), kernels_.get(), nullptr, nullptr, {});
  changed_.notify_all();
  return true;
}

kvc_status CudaRegion::launch(CudaCopyKind kind, const std::vector<kvc_slice>& slices, std::uint8_t* wire,
                              std::size_t bytes) {
  if (kind == CudaCopyKind::kGather) {
    return kvc_gather(handle_.get(), slices.data(), slices.size(), wire, bytes, kernels_.get());
  }
  return kvc_scatter(handle_.get(), slices.data(), slices.size(), wire, bytes, kernels_.get());
}

/// True once all of it is on the device, or it has failed and no more of it will be.
bool CudaRegion::step(const std::shared_ptr<CudaJob>& job, unsigned& chunks_left) {
  if (!job->begun && !begin(*job)) return job->error.failed();
  if (job->kind == CudaCopyKind::kDirect) {
    launch_direct(job);
    return true;
  }
  while (!job->error.failed() && job->next < job->slices.size()) {
    if (chunks_left == 0 || !launch_chunk(job)) return false;
    if (chunks_left != kNoLimit) --chunks_left;
  }
  return true;
}

/// False: not yet, or it has failed.
bool CudaRegion::begin(CudaJob& job) {
  const auto event = static_cast<kvc_event>(job.ready.device);
  if (job.spread.uses_slots && event != nullptr) {
    // Slots are shared: none may wait for an engine that itself waits for another region's copy.
    const kvc_status status = kvc_event_query(event);
    if (status == KVC_NOT_READY) return false;
    if (status != KVC_OK) {
      job.error = cuda_error(status, "wait for the engine's event");
      return false;
    }
  }
  if (overlaps_a_gather(job)) return false;
  if (!job.spread.uses_slots && event != nullptr) {
    if (const kvc_status status = kvc_stream_wait_event(kernels_.get(), event); status != KVC_OK) {
      job.error = cuda_error(status, "wait for the engine's event");
      return false;
    }
  }
  job.begun = true;
  return true;
}

/// An earlier gather still writes the host memory that this job reads or writes: they run on different streams.
bool CudaRegion::overlaps_a_gather(const CudaJob& job) const {
  return std::any_of(flying_.begin(), flying_.end(), [&](const auto& other) {
    return other->kind == CudaCopyKind::kGather && other->parts > 0 && !other->slices.empty() && !job.slices.empty() &&
           share_host_memory(other->slices, other->spread.slice_bytes, job.slices, job.spread.slice_bytes);
  });
}

void CudaRegion::launch_direct(const std::shared_ptr<CudaJob>& job) {
  if (job->slots.empty() || job->layers.empty()) return;
  if (!job->from->begin_use()) {
    job->error = GpuError::kUnknownImport;
    return;
  }
  job->uses_import = true;
  auto event = services_->events.take();
  if (!event) {
    job->error = event.error();
    return;
  }
  const kvc_status status = kvc_copy_blocks(job->from->region(), handle_.get(), job->slots.data(), job->slots.size(),
                                            job->layers.data(), job->layers.size(), kernels_.get());
  if (status != KVC_OK) job->error = cuda_error(status, "copy blocks");
  add_part({job}, std::move(*event), kernels_.get(), nullptr, nullptr, {});
}

/// False if there is no slot, or the copier fills it first.
bool CudaRegion::launch_chunk(const std::shared_ptr<CudaJob>& job) {
  if (!job->chunk) job->chunk = next_chunk(job->slices, job->next, job->chunks, job->spread, *services_->pinned);
  CudaChunk& chunk = *job->chunk;
  const bool gathers = job->kind == CudaCopyKind::kGather;
  CudaChunkRing* ring = nullptr;
  if (chunk.route == CudaRoute::kBounce) ring = services_->bounce.get();
  if (chunk.route == CudaRoute::kRing) ring = gathers ? services_->down.get() : services_->up.get();
  CudaChunkRing::Slot* slot = ring == nullptr ? nullptr : ring->take();
  if (ring != nullptr && slot == nullptr) return false;
  if (chunk.route == CudaRoute::kBounce && !gathers) {
    fill_bounce(job, slot);
    return false;
  }
  auto event = services_->events.take();
  if (!event) {
    job->error = event.error();
    if (slot != nullptr) ring->give(slot);
    return true;
  }
  const kvc_status status = gathers ? queue_gather(chunk, slot) : queue_scatter(chunk, slot);
  if (status != KVC_OK) job->error = cuda_error(status, gathers ? "gather blocks" : "scatter blocks");
  const bool by_engine = chunk.route == CudaRoute::kRing && gathers;
  std::vector<HostRun> runs;
  if (chunk.route == CudaRoute::kBounce) runs = std::move(chunk.runs);
  add_part({job}, std::move(*event), by_engine ? to_host_.get() : kernels_.get(), ring, slot, std::move(runs));
  job->next = chunk.end;
  ++job->chunks;
  job->chunk.reset();
  return true;
}

kvc_status CudaRegion::queue_gather(const CudaChunk& chunk, CudaChunkRing::Slot* slot) {
  std::uint8_t* wire = slot == nullptr ? chunk.pinned.start : slot->memory;
  const std::size_t wire_bytes = slot == nullptr ? chunk.pinned.bytes : slot->bytes;
  kvc_status status =
      kvc_gather(handle_.get(), chunk.slices.data(), chunk.slices.size(), wire, wire_bytes, kernels_.get());
  if (status != KVC_OK || chunk.route != CudaRoute::kRing) return status;
  status = kvc_event_record(slot->filled.get(), kernels_.get());
  if (status == KVC_OK) status = kvc_stream_wait_event(to_host_.get(), slot->filled.get());
  for (const HostRun& run : chunk.runs) {
    if (status == KVC_OK) status = kvc_copy(run.host, slot->memory + run.offset, run.bytes, to_host_.get());
  }
  return status;
}

kvc_status CudaRegion::queue_scatter(const CudaChunk& chunk, CudaChunkRing::Slot* slot) {
  const std::uint8_t* wire = slot == nullptr ? chunk.pinned.start : slot->memory;
  const std::size_t wire_bytes = slot == nullptr ? chunk.pinned.bytes : slot->bytes;
  kvc_status status = KVC_OK;
  if (chunk.route == CudaRoute::kRing) {
    for (const HostRun& run : chunk.runs) {
      if (status == KVC_OK) status = kvc_copy(slot->memory + run.offset, run.host, run.bytes, to_device_.get());
    }
    // Also after a failure: what was queued must have ended before the slot is used again.
    const kvc_status recorded = kvc_event_record(slot->filled.get(), to_device_.get());
    if (recorded == KVC_OK) kvc_stream_wait_event(kernels_.get(), slot->filled.get());
    if (status == KVC_OK) status = recorded;
  }
  if (status != KVC_OK) return status;
  return kvc_scatter(handle_.get(), chunk.slices.data(), chunk.slices.size(), wire, wire_bytes, kernels_.get());
}

/// A scatter from pageable memory: the copier brings the bytes to the slot, then the kernel is launched.
void CudaRegion::fill_bounce(const std::shared_ptr<CudaJob>& job, CudaChunkRing::Slot* slot) {
  filling_ = true;
  services_->copier.post([self = shared_from_this(), job, slot, runs = job->chunk->runs] {
    for (const HostRun& run : runs) std::memcpy(slot->memory + run.offset, run.host, run.bytes);
    self->bounce_filled(job, slot);
  });
}

void CudaRegion::bounce_filled(const std::shared_ptr<CudaJob>& job, CudaChunkRing::Slot* slot) {
  {
    std::lock_guard lock(mutex_);
    filling_ = false;
    auto event = services_->events.take();
    if (!event) {
      job->error = event.error();
      services_->bounce->give(slot);
    } else {
      const kvc_status status = queue_scatter(*job->chunk, slot);
      if (status != KVC_OK) job->error = cuda_error(status, "scatter blocks");
      add_part({job}, std::move(*event), kernels_.get(), services_->bounce.get(), slot, {});
    }
    job->next = job->chunk->end;
    ++job->chunks;
    job->chunk.reset();
    advance(kNoLimit);
  }
  services_->pump.kick();
}

/// The event tells when all that is queued in `stream` has ended, also where queueing failed half-way.
void CudaRegion::add_part(std::vector<std::shared_ptr<CudaJob>> jobs, CudaEvent event, kvc_stream stream,
                          CudaChunkRing* ring, CudaChunkRing::Slot* slot, std::vector<HostRun> runs) {
  auto part = std::make_shared<Part>();
  part->jobs = std::move(jobs);
  part->ring = ring;
  part->slot = slot;
  part->runs = std::move(runs);
  if (const kvc_status status = kvc_event_record(event.get(), stream); status != KVC_OK) {
    // The device is gone, and nothing of it is running.
    fail(*part, cuda_error(status, "record an event"));
    part->state = Part::State::kDone;
  }
  part->event = std::move(event);
  for (const auto& job : part->jobs) ++job->parts;
  parts_.push_back(std::move(part));
}

void CudaRegion::fail(Part& part, base::Error error) {
  for (const auto& job : part.jobs) {
    if (!job->error.failed()) job->error = error;
  }
}

/// True if it was taken off. REQUIRES: there is one.
bool CudaRegion::finish_front_part() {
  const std::shared_ptr<Part> part = parts_.front();
  if (part->state == Part::State::kCopying) return false;
  if (part->state == Part::State::kOnDevice) {
    const kvc_status status = kvc_event_query(part->event.get());
    if (status == KVC_NOT_READY) return false;
    if (status != KVC_OK) fail(*part, cuda_error(status, "finish a copy"));
    if (empty_bounce(part)) return false;
  }
  services_->events.give(std::move(part->event));
  if (part->slot != nullptr) part->ring->give(part->slot);
  for (const auto& job : part->jobs) --job->parts;
  parts_.pop_front();
  return true;
}

/// True if the copier has been given the part.
bool CudaRegion::empty_bounce(const std::shared_ptr<Part>& part) {
  if (part->runs.empty() || part->jobs.front()->error.failed()) return false;
  part->state = Part::State::kCopying;
  services_->copier.post([self = shared_from_this(), part] {
    for (const HostRun& run : part->runs) std::memcpy(run.host, part->slot->memory + run.offset, run.bytes);
    {
      std::lock_guard lock(self->mutex_);
      part->state = Part::State::kDone;
    }
    self->services_->pump.kick();
  });
  return true;
}

/// Those that have happened, as jobs of which only the completion is left.
void CudaRegion::finish_watches(std::vector<std::shared_ptr<CudaJob>>& finished) {
  for (; !watches_.empty(); watches_.pop_front()) {
    Watch& watch = watches_.front();
    const kvc_status status = kvc_event_query(watch.event.get());
    if (status == KVC_NOT_READY) return;
    auto job = std::make_shared<CudaJob>();
    job->done = std::move(watch.done);
    if (status != KVC_OK) job->error = cuda_error(status, "wait for the engine's event");
    services_->events.give(std::move(watch.event));
    finished.push_back(std::move(job));
  }
}

CudaPump::Progress CudaRegion::poll() {
  CudaPump::Progress progress;
  std::vector<std::shared_ptr<CudaJob>> finished;
  std::unique_lock lock(mutex_);
  finish_watches(finished);
  while (!parts_.empty() && finish_front_part()) progress.moved = true;
  advance(kNoLimit);
  while (!flying_.empty() && flying_.front()->parts == 0) {
    finished.push_back(std::move(flying_.front()));
    flying_.pop_front();
  }
  const bool on_device = !parts_.empty() && parts_.front()->state != Part::State::kCopying;
  // Its ready event, or a slot that another region holds.
  const bool held_up = !waiting_.empty() && waiting_.front()->host_ready && !filling_;
  progress.pending = on_device || held_up || !watches_.empty();
  if (finished.empty()) return progress;

  progress.moved = true;
  calling_ += finished.size();
  lock.unlock();
  for (const auto& job : finished) {
    if (job->uses_import) job->from->end_use();
    const CopyDone done = std::move(job->done);
    done(job->error.failed() ? base::Result<>(job->error) : base::Result<>());
  }
  lock.lock();
  calling_ -= finished.size();
  changed_.notify_all();
  return progress;
}

void CudaRegion::when_happened(kvc_event event, CopyDone done) {
  auto happened = services_->events.take();
  {
    std::lock_guard lock(mutex_);
    base::Error error;
    if (closed_) {
      error = *closed_;
    } else if (!happened) {
      error = happened.error();
    } else {
      kvc_status status = event == nullptr ? KVC_OK : kvc_stream_wait_event(events_.get(), event);
      if (status == KVC_OK) status = kvc_event_record(happened->get(), events_.get());
      if (status != KVC_OK) error = cuda_error(status, "wait for the engine's event");
    }
    if (error.failed()) {
      services_->pump.fail(std::move(done), error);
      return;
    }
    watches_.push_back({std::move(*happened), std::move(done)});
  }
  services_->pump.kick();
}

base::Result<> CudaRegion::stream_wait(kvc_stream stream) {
  auto event = services_->events.take();
  if (!event) return event.error();
  kvc_status status = KVC_OK;
  {
    std::unique_lock lock(mutex_);
    // Those behind an event of the engine's or without a slot are not on the device yet. Nobody's work comes after
    // them, so that waiting for the last of them is enough.
    if (!waiting_.empty()) {
      const std::shared_ptr<CudaJob> last = waiting_.back();
      changed_.wait(lock, [&] { return std::find(waiting_.begin(), waiting_.end(), last) == waiting_.end(); });
    }
    status = kvc_event_record(event->get(), kernels_.get());
    if (status == KVC_OK) status = kvc_stream_wait_event(stream, event->get());
  }
  // A wait that is queued keeps what it needs: the event may be recorded again.
  services_->events.give(std::move(*event));
  return cuda_result(status, "make a stream wait");
}

void CudaRegion::close(base::Error error) {
  std::unique_lock lock(mutex_);
  closed_ = error;
  std::deque<std::shared_ptr<CudaJob>> begun;
  for (auto& job : waiting_) {
    if (job->begun) {
      begun.push_back(std::move(job));
      continue;
    }
    job->error = error;
    flying_.push_back(std::move(job));
  }
  waiting_ = std::move(begun);
  for (Watch& watch : watches_) services_->pump.fail(std::move(watch.done), error);
  watches_.clear();
  changed_.notify_all();
  services_->pump.kick();
  changed_.wait(lock, [this] { return waiting_.empty() && flying_.empty() && parts_.empty() && calling_ == 0; });
}

}  // namespace kvp2p
