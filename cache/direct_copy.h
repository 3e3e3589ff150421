// One run of blocks, read in place out of a peer's memory into the engine's.
#pragma once

#include "cache/transfer_state.h"
#include "direct/direct_client.h"
#include "gpu/connector.h"

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace kvp2p {

/// Steps under way: enough that the device never waits for this thread, few to wait out on cancel.
inline constexpr std::size_t kDirectStepsInFlight = 2;

/// Copies some layers at a time, and counts them only if the blocks' generations are unchanged after the copy. Goes on
/// by itself on the connector's threads: what is checked there needs no other thread before the engine sees it.
class DirectCopy : public std::enable_shared_from_this<DirectCopy> {
 public:
  struct Plan {
    GpuConnector* connector = nullptr;
    std::shared_ptr<PeerRegion> from;
    RegionId to{};
    std::shared_ptr<TransferState> state;
    /// Transfer block first + i comes from from_slots[i] and goes to to_slots[i].
    std::size_t first = 0;
    std::vector<SlotGeneration> from_slots;
    std::vector<Slot> to_slots;
    /// From the import's layers to the region's, in the order in which they are wanted.
    std::vector<IndexPair> layers;
    std::size_t layer_slice_bytes = 0;
    /// The engine's event, or null. Host events are the caller's to wait for.
    void* ready = nullptr;
    std::size_t step_bytes = 0;
  };
  /// `ended` is called once, last, when no copy is under way any more, on any thread and without locks.
  DirectCopy(Plan plan, std::function<void()> ended) : plan_(std::move(plan)), ended_(std::move(ended)) {}

  /// Returns at once. Either of these, once.
  void start();
  /// Ends without a copy.
  void give_up();

  // Once ended
  // ---------------------------------------------------------------------------------------------------------

  std::size_t first() const { return plan_.first; }
  std::size_t blocks() const { return plan_.to_slots.size(); }
  /// Why it is not all there; empty if it is, or if the transfer ended meanwhile.
  const std::string& failure() const { return failure_; }
  /// Layers of the region and transfer blocks that were to be copied and are not in their places.
  struct Missing {
    std::uint32_t layer = 0;
    std::size_t block = 0;
  };
  const std::vector<Missing>& missing() const { return missing_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t stale_blocks() const { return stale_blocks_; }
  /// From its start until the last bytes were in place.
  base::Duration time() const { return time_; }
  /// Lets go of the peer's region.
  void release_region() { plan_.from.reset(); }

 private:
  struct Step {
    std::size_t first_layer = 0;
    std::size_t layers = 0;
    std::size_t blocks = 0;
  };

  bool take_step(Step& step);
  void copy(const Step& step);
  void on_copied(const Step& step, base::Result<> outcome);
  /// REQUIRES: locked.
  void note_failure(const Step& step, const std::vector<std::uint8_t>& good, const base::Result<>& outcome);
  /// This thread queues what can be, and is done here.
  void go_on();
  void end_if_idle();

  Plan plan_;
  std::function<void()> ended_;
  base::TimePoint started_{};

  std::mutex mutex_;
  ReadMark mark_;
  std::size_t next_layer_ = 0;
  std::size_t steps_in_flight_ = 0;
  /// Threads at work in here, of which the last ends the copy.
  std::size_t threads_ = 1;
  bool stopped_ = false;
  std::string failure_;
  std::vector<Missing> missing_;
  std::size_t bytes_ = 0;
  std::size_t stale_blocks_ = 0;
  base::Duration time_{};
};

}  // namespace kvp2p
