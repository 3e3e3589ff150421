// What comes for a transfer, on whichever thread it comes: whose it is, whether it is right, and into its place.
#pragma once

#include "cache/shard_match.h"
#include "cache/transfer_state.h"
#include "exchange/exchange.h"
#include "gpu/connector.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace kvp2p {

class TransferInbox;

/// Some layers of a run of blocks, on their way. Goes when the last stage is done with it, on any thread; what it has
/// begun and nobody has ended is undone then.
struct Delivery final : FrameWork {
  Delivery() = default;
  ~Delivery() override;

  std::uint32_t layer = 0;  // the region's, and the first
  std::size_t first = 0;
  std::size_t blocks = 0;
  /// Layer after layer, one a block; null for one that is not wanted.
  std::vector<const std::uint8_t*> slices;
  std::vector<ContentDigest> leaves;   // a slice's heads, slice after slice
  const PeerAnswer* answer = nullptr;  // null: from this node

  std::uint32_t layers() const { return static_cast<std::uint32_t>(slices.size() / blocks); }
  /// Of a slice.
  std::uint32_t layer_of(std::size_t index) const { return layer + static_cast<std::uint32_t>(index / blocks); }
  std::size_t block_of(std::size_t index) const { return first + index % blocks; }

  // What keeps `slices` valid.
  ReceivedFrame frame;  // if packed, process() unpacks it first
  std::vector<std::shared_ptr<const BlockPin>> pins;
  std::function<void()> on_release;

  // Of TransferInbox::process().
  bool is_processed = false;
  std::vector<std::uint8_t> good;  // one a slice
  base::Duration verify_time{};
  /// All of it is in its place, or a device brings it there, and the state waits for end_write(). What `slices` points
  /// to may be something else by now.
  bool is_written = false;
  /// Before end_write(): the copy's end, and TransferInbox::finish().
  std::atomic<int> words_to_come{0};
  std::atomic<bool> is_copied{true};
  /// Claimed there, and the transfer has not been told of it.
  std::shared_ptr<TransferInbox> claimed_in;
  std::shared_ptr<TransferState> state;
};

/// Thread-safe; one lock, not held while bytes are looked at or moved.
class TransferInbox : public std::enable_shared_from_this<TransferInbox> {
 public:
  /// What is the same for all deliveries of a transfer. `format`: the region's.
  struct Target {
    GpuConnector* connector = nullptr;
    RegionId region{};
    ObjectFormat format;
    std::vector<Slot> slots;
    /// Of the engine's, before which nothing may be written (ReadyEvent::device); null: none.
    void* ready = nullptr;
  };
  /// Nothing is wanted at first, and nothing may be written.
  TransferInbox(Target target, std::shared_ptr<TransferState> state);

  // What is wanted ----------------------------------------------------------------------------------------------------
  // Versions are numbers of a block's computations, as in FetchSchedule; 0 is none.

  void want(std::uint32_t layer, std::size_t block);
  /// All of the block comes another way, of this version.
  void take(std::size_t block, std::uint32_t version);
  /// It may be begun with any version.
  void forget_version(std::size_t block);
  /// The engine has released the destination, or a device's event tells when it has.
  void open_gate();
  /// From now on nothing is written by process(): what there is is to be compared first.
  void only_check();

  // What comes --------------------------------------------------------------------------------------------------------

  /// Part of a transfer's blocks that a peer was asked for.
  struct Part {
    /// Whose it is, for the transfer; not looked at here.
    const PeerAnswer* answer = nullptr;
    /// The peer's number of the transfer's block 0, modulo 2^64.
    std::size_t peers_zero = 0;
    std::size_t first = 0;
    std::size_t end = 0;
    /// Of each block of the transfer, at this peer.
    std::shared_ptr<const std::vector<std::uint32_t>> versions;
  };
  /// Claims what is wanted of the frame. Null: it does not fit what was asked for.
  std::shared_ptr<Delivery> accept(const Part& part, ReceivedFrame& frame);
  /// Unpacks, checks digests; then, if all of it is good and may be written, copies it, or has a device do so:
  /// launching its copy takes tens of microseconds, which the node thread does not have for each frame.
  void process(const std::shared_ptr<Delivery>& delivery);
  /// Of one that is_written: its blocks' roots have been looked at too. REQUIRES: once.
  static void finish(Delivery& delivery);
  /// Accepts and processes on the thread that a frame has come in on; those of a small part are left to others where
  /// there are cores to spare.
  std::shared_ptr<FrameWorker> worker(Part part);

  const ObjectFormat& format() const { return target_.format; }

 private:
  friend struct Delivery;
  class Worker;
  bool fits(const Part& part, const ReceivedFrame& frame) const;
  bool unpack(Delivery& delivery) const;
  void check(Delivery& delivery) const;
  void write(const std::shared_ptr<Delivery>& delivery);
  /// False: it is not there.
  bool copy(const std::shared_ptr<Delivery>& delivery, std::vector<SliceCopy> copies);
  void copy_by_device(const std::shared_ptr<Delivery>& delivery, std::vector<SliceCopy> copies);
  void give_up(const Delivery& delivery);
  /// Of what comes from this node.
  std::size_t local_bytes(const Delivery& delivery) const;
  std::uint8_t& claimed(std::uint32_t layer, std::size_t block) { return claimed_[layer * blocks() + block]; }
  std::size_t blocks() const { return target_.slots.size(); }

  const Target target_;
  const std::shared_ptr<TransferState> state_;

  std::mutex mutex_;
  std::vector<std::uint8_t> claimed_;    // [layer][block]: brought by somebody, or not wanted here
  std::vector<std::uint32_t> begun_by_;  // by block: the version of its layers; 0 if none has come
  bool gate_open_ = false;
  bool only_check_ = false;
};

}  // namespace kvp2p
