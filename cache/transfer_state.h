// What engine threads see of a transfer, and the gate that every write to their memory passes.
#pragma once

#include "base/clock.h"
#include "base/spinning_condition.h"
#include "cache/completion_queue.h"
#include "cache/core_types.h"
#include "cache/transfer_progress.h"

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace kvp2p {

/// Adds one way that blocks came to the report, once.
void add_path(TransferReport& report, const std::string& path);

/// Thread-safe; a lock of its own. A failure becomes visible only when no write to what has failed is under way, and
/// none begins afterwards: so an engine that has seen it may reuse those blocks.
class TransferState {
 public:
  /// `on_ended` is called once, on whichever thread ends the transfer, without the lock.
  TransferState(TransferId id, RegionId region, std::size_t blocks, std::uint32_t layers,
                std::shared_ptr<CompletionQueue> completions, std::function<void()> on_ended);

  TransferId id() const { return id_; }
  RegionId region() const { return region_; }

  // For those who deliver ---------------------------------------------------------------------------------------------

  /// May blocks [first, first + count) be written? Returns how many from `first` on; each answer that is not 0 wants
  /// one end_write() of as many.
  std::size_t begin_write(std::size_t first, std::size_t count);
  /// `ok`: `layers` layers, from `layer` on, of these blocks are in their places. Otherwise the blocks have failed.
  void end_write(std::uint32_t layer, std::uint32_t layers, std::size_t first, std::size_t count, bool ok);
  /// Of any layers that were written at once: in their places for those blocks, from `first` on, that are `good`. The
  /// others may be written again.
  void end_write(std::span<const std::uint32_t> layers, std::size_t first, std::span<const std::uint8_t> good);
  /// This block and those after it have failed.
  void fail_from(std::size_t block, const std::string& reason);
  /// Why a transfer ended before all was there.
  enum class End : std::uint8_t { kItself, kCancelled, kDeadline };
  /// Nothing more will come: what is complete in all layers is what was delivered.
  void finish(const std::string& reason, End end = End::kItself);
  End end_kind() const;
  /// The transfer has ended or been cancelled: no need to deliver.
  bool ended() const;
  /// Blocks below this may still be delivered.
  std::size_t good() const;

  // For engines -------------------------------------------------------------------------------------------------------

  TransferStatus status() const;
  bool layer_ready(std::uint32_t layer) const;
  std::vector<std::size_t> failed_blocks() const;
  /// Until the layer is ready or the transfer has ended; at the deadline it is cancelled.
  TransferStatus wait_layer(std::uint32_t layer, base::TimePoint deadline);
  TransferStatus wait_done(base::TimePoint deadline);
  /// Ends the transfer and waits out the writes under way. Not from a thread that delivers.
  void cancel(const std::string& reason, End end = End::kCancelled);

  // Report ------------------------------------------------------------------------------------------------------------

  TransferReport report() const;
  /// One copy to the engine's memory, for the report.
  void note_scatter(base::TimePoint submitted, base::TimePoint done, std::size_t local_bytes);
  void update_report(const std::function<void(TransferReport&)>& update);

 private:
  /// REQUIRES: locked. Makes the newest state visible, unless writes to failed blocks are under way.
  void publish();
  void forget_write(std::size_t end);
  void shorten(std::size_t good, const std::string& reason);
  bool writing_at_or_after(std::size_t block) const;
  /// Unlocks and tells that the transfer has ended, if it has and nobody was told.
  void tell_if_ended(std::unique_lock<std::mutex>& lock);

  const TransferId id_;
  const RegionId region_;
  const std::shared_ptr<CompletionQueue> completions_;
  std::function<void()> on_ended_;

  mutable std::mutex mutex_;
  base::SpinningCondition changed_;
  TransferProgress progress_;
  bool finishing_ = false;
  End end_ = End::kItself;
  bool told_ = false;
  std::string reason_;
  /// Ends of the block ranges that are being written.
  std::vector<std::size_t> writes_;
  TransferStatus visible_;
  std::vector<std::uint8_t> visible_layers_;
  TransferReport report_;
  base::TimePoint last_scatter_{};
  base::TimePoint started_ = std::chrono::steady_clock::now();
};

}  // namespace kvp2p
