// Runs copies on threads: in order within a region, side by side between regions.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "codec/head_slice_codec.h"
#include "gpu/connector.h"
#include "gpu/shared_memory.h"
#include "gpu/strided_copy.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

namespace kvp2p {

enum class CopyDirection : std::uint8_t { kGather, kScatter };

/// Between a region and host memory in wire order, coded as the region's format says.
struct SliceWork {
  CopyDirection direction = CopyDirection::kGather;
  std::vector<SliceCopy> slices;
};
/// From an import into a region.
struct DirectWork {
  ImportId from{};
  std::vector<IndexPair> slots;
  std::vector<IndexPair> layers;
};
using CopyWork = std::variant<SliceWork, DirectWork>;

/// Thread-safe. Its lock is taken two or three times a copy, never while bytes move.
class HostCopyQueue : public std::enable_shared_from_this<HostCopyQueue> {
 public:
  void start(unsigned threads);
  /// Fails what is queued, waits for what runs, ends the threads. No calls afterwards.
  void stop();

  /// REQUIRES: the layout fits. `memory.memfd` is duplicated.
  RegionId add_region(const RegionMemory& memory, const LayoutDesc& layout);
  void remove_region(RegionId id);
  base::Result<LayoutDesc> layout_of(RegionId id) const;
  base::Result<RegionExport> export_region(RegionId id) const;

  /// REQUIRES: the layout fits.
  ImportId add_import(MappedMemory memory, const LayoutDesc& layout);
  /// Copies from it that have not begun fail; waits for those that have.
  void remove_import(ImportId id);
  bool has_import(ImportId id) const;

  void submit(RegionId id, CopyWork work, const ReadyEvent& ready, CopyDone done);
  /// Copies on the calling thread, beside whatever else runs; false, and nothing is done, if it is no valid copy.
  bool copy_now(RegionId id, CopyDirection direction, const std::vector<SliceCopy>& slices);

 private:
  struct Import {
    MappedMemory memory;
    LayoutDesc layout;
    std::vector<SlicePlan> plans;
    std::size_t running = 0;
  };
  struct Job {
    CopyWork work;
    std::shared_ptr<Import> import;  // of DirectWork
    CopyDone done;
    bool ready = false;
  };
  struct Region {
    RegionMemory memory;
    base::UniqueFd memfd;  // what memory.memfd names; none: private memory
    LayoutDesc layout;
    std::vector<SlicePlan> plans;
    std::uint8_t* start() const { return static_cast<std::uint8_t*>(memory.start); }
    std::deque<std::shared_ptr<Job>> jobs;
    bool running = false;
    std::size_t running_now = 0;  // of copy_now()
    /// In runnable_ or running.
    bool scheduled = false;
  };
  struct Failure {
    CopyDone done;
    base::Error error;
  };

  void run();
  void release_import(Job& job);
  void run_front_job(std::unique_lock<std::mutex>& lock, const std::shared_ptr<Region>& region);
  void schedule(const std::shared_ptr<Region>& region);
  void mark_ready(RegionId id, Job& job);
  void fail_jobs(Region& region, base::Error error);
  base::Result<> prepare(RegionId id, Job& job, const ReadyEvent& ready) const;
  static base::Result<> check(const Region& region, const std::vector<SliceCopy>& slices);
  static base::Result<> check(const Region& region, const Import& from, const DirectWork& work);
  static void move_bytes(const Region& region, const Job& job);

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable idle_;
  std::map<RegionId, std::shared_ptr<Region>> regions_;
  std::map<ImportId, std::shared_ptr<Import>> imports_;
  std::deque<std::shared_ptr<Region>> runnable_;
  std::deque<Failure> failures_;
  std::vector<std::thread> threads_;
  std::uint64_t next_id_ = 1;
  bool stopping_ = false;
};

/// Moves slices between `region` and host memory, coding and decoding where `shape` has a codec; else neighbours that
/// are adjacent on both sides become one memcpy.
void copy_slices(CopyDirection direction, const std::vector<SlicePlan>& plans, const CodedShape& shape,
                 std::uint8_t* region, const std::vector<SliceCopy>& slices);

}  // namespace kvp2p
