// One registered region: its copies, in order, on its own streams.
//
// Every access to engine memory is a kernel on `kernels_`, so that those of one region follow each other; copy engines
// work on two further streams, one a direction, tied to it by events. So a gather and a scatter of two regions, and the
// two directions of PCIe, overlap.
#pragma once

#include "gpu/cuda_chunk.h"
#include "gpu/cuda_chunk_ring.h"
#include "gpu/cuda_copier.h"
#include "gpu/cuda_event_pool.h"
#include "gpu/cuda_job.h"
#include "gpu/cuda_pump.h"

#include <condition_variable>
#include <deque>
#include <optional>

namespace kvp2p {

/// What the regions of one connector share.
struct CudaServices {
  explicit CudaServices(int number) : device(number), events(number) {}
  const int device;
  CudaEventPool events;
  std::shared_ptr<PinnedRanges> pinned = std::make_shared<PinnedRanges>();
  std::unique_ptr<CudaChunkRing> down;    // device memory, for gathers
  std::unique_ptr<CudaChunkRing> up;      // device memory, for scatters
  std::unique_ptr<CudaChunkRing> bounce;  // pinned memory, for pageable memory
  CudaCopier copier;
  CudaPump pump;
};

/// Makes the kernels' view of memory with this layout. REQUIRES: layout.fits(bytes).
base::Result<CudaRegionHandle> make_cuda_region(int device, void* start, std::size_t bytes, const LayoutDesc& layout);

/// Thread-safe.
class CudaRegion final : public CudaPump::Source, public std::enable_shared_from_this<CudaRegion> {
 public:
  static base::Result<std::shared_ptr<CudaRegion>> create(std::shared_ptr<CudaServices> services,
                                                          const RegionMemory& memory, const LayoutDesc& layout);

  const LayoutDesc& layout() const { return layout_; }
  const RegionMemory& memory() const { return memory_; }

  /// Queues it, on the device at once where nothing is to be waited for: a direct copy whole, a larger one's first two
  /// chunks, so that they cover the time until the pump goes on. A small one is left to the pump if that is awake, so
  /// that many are launched together and who asks is not held up. REQUIRES: slots and layers in bounds.
  void submit(std::shared_ptr<CudaJob> job);
  base::Result<> stream_wait(kvc_stream stream);
  void when_happened(kvc_event event, CopyDone done);
  /// Fails what has not begun, waits for what has, completions included. Not from inside a CopyDone.
  void close(base::Error error);

  CudaPump::Progress poll() override;

 private:
  /// Work on the device whose end `event` tells.
  struct Part {
    std::vector<std::shared_ptr<CudaJob>> jobs;  // several only of those launched together
    CudaEvent event;
    CudaChunkRing* ring = nullptr;
    CudaChunkRing::Slot* slot = nullptr;
    /// A gather through the bounce: still to be copied out once the event has happened.
    std::vector<HostRun> runs;
    enum class State { kOnDevice, kCopying, kDone } state = State::kOnDevice;
  };

  CudaRegion(std::shared_ptr<CudaServices> services, const RegionMemory& memory, const LayoutDesc& layout)
      : services_(std::move(services)), memory_(memory), layout_(layout) {}

  // All REQUIRE: locked.
  void advance(unsigned chunks_max);
  /// Of several small jobs that wait first, by one kernel: launching it takes longer than a small copy itself.
  bool launch_together();
  kvc_status launch(CudaCopyKind kind, const std::vector<kvc_slice>& slices, std::uint8_t* wire, std::size_t bytes);
  bool step(const std::shared_ptr<CudaJob>& job, unsigned& chunks_left);
  bool begin(CudaJob& job);
  void launch_direct(const std::shared_ptr<CudaJob>& job);
  bool launch_chunk(const std::shared_ptr<CudaJob>& job);
  kvc_status queue_gather(const CudaChunk& chunk, CudaChunkRing::Slot* slot);
  kvc_status queue_scatter(const CudaChunk& chunk, CudaChunkRing::Slot* slot);
  void fill_bounce(const std::shared_ptr<CudaJob>& job, CudaChunkRing::Slot* slot);
  void add_part(std::vector<std::shared_ptr<CudaJob>> jobs, CudaEvent event, kvc_stream stream, CudaChunkRing* ring,
                CudaChunkRing::Slot* slot, std::vector<HostRun> runs);
  static void fail(Part& part, base::Error error);
  bool finish_front_part();
  void finish_watches(std::vector<std::shared_ptr<CudaJob>>& finished);
  bool empty_bounce(const std::shared_ptr<Part>& part);
  bool overlaps_a_gather(const CudaJob& job) const;

  void bounce_filled(const std::shared_ptr<CudaJob>& job, CudaChunkRing::Slot* slot);

  const std::shared_ptr<CudaServices> services_;
  const RegionMemory memory_;
  const LayoutDesc layout_;
  CudaRegionHandle handle_;
  CudaStream kernels_, to_host_, to_device_;
  /// Does nothing but wait for events that no copy waits for.
  CudaStream events_;

  std::mutex mutex_;
  std::condition_variable changed_;
  /// Not, or not wholly, on the device; then wholly on it. Both in the order asked.
  std::deque<std::shared_ptr<CudaJob>> waiting_, flying_;
  std::deque<std::shared_ptr<Part>> parts_;
  /// Recorded on events_, in this order.
  struct Watch {
    CudaEvent event;
    CopyDone done;
  };
  std::deque<Watch> watches_;
  /// The copier fills a slot for waiting_.front().
  bool filling_ = false;
  std::size_t calling_ = 0;
  std::optional<base::Error> closed_;
};

}  // namespace kvp2p
