// Runs copies on threads: in order within a region, side by side between regions.
#pragma once

#include "base/result.h"
#include "gpu/connector.h"
#include "gpu/strided_copy.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace kvp2p {

enum class CopyDirection : std::uint8_t { kGather, kScatter };

/// Thread-safe. Its lock is taken twice a copy, never while bytes move.
class HostCopyQueue : public std::enable_shared_from_this<HostCopyQueue> {
 public:
  void start(unsigned threads);
  /// Fails what is queued, waits for what runs, ends the threads. No calls afterwards.
  void stop();

  RegionId add_region(std::uint8_t* start, const LayoutDesc& layout);
  void remove_region(RegionId id);
  base::Result<LayoutDesc> layout_of(RegionId id) const;
  void submit(RegionId id, CopyDirection direction, std::vector<SliceCopy> slices, const ReadyEvent& ready,
              CopyDone done);

 private:
  struct Job {
    CopyDirection direction;
    std::vector<SliceCopy> slices;
    CopyDone done;
    bool ready = false;
  };
  struct Region {
    std::uint8_t* start = nullptr;
    LayoutDesc layout;
    std::vector<SlicePlan> plans;
    std::deque<std::shared_ptr<Job>> jobs;
    bool running = false;
    /// In runnable_ or running.
    bool scheduled = false;
  };
  struct Failure {
    CopyDone done;
    base::Error error;
  };

  void run();
  void run_front_job(std::unique_lock<std::mutex>& lock, const std::shared_ptr<Region>& region);
  void schedule(const std::shared_ptr<Region>& region);
  void mark_ready(RegionId id, Job& job);
  void fail_jobs(Region& region, base::Error error);
  static base::Result<> check(const Region& region, const std::vector<SliceCopy>& slices);

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable idle_;
  std::map<RegionId, std::shared_ptr<Region>> regions_;
  std::deque<std::shared_ptr<Region>> runnable_;
  std::deque<Failure> failures_;
  std::vector<std::thread> threads_;
  std::uint64_t next_id_ = 1;
  bool stopping_ = false;
};

/// Moves slices between `region` and host memory; neighbours that are adjacent on both sides become one memcpy.
void copy_slices(CopyDirection direction, const std::vector<SlicePlan>& plans, std::uint8_t* region,
                 const std::vector<SliceCopy>& slices);

}  // namespace kvp2p
