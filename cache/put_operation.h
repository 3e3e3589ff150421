// Copies an engine's blocks into the local store and publishes them.
#pragma once

#include "cache/cache_context.h"
#include "cache/put_state.h"
#include "storage/memory_store.h"

#include <memory>
#include <vector>

namespace kvp2p {

/// Bytes of one gather, and gathers of one put that are under way.
inline constexpr std::size_t kPutBatchBytes = 8u << 20;
inline constexpr std::size_t kPutBatchesInFlight = 2;

/// Node thread only. Blocks go in order; the first that finds no room is dropped with all after it, because a prefix
/// with a gap is of no use beyond the gap. Blocks that are there already are not copied. Until the put ends, its blocks
/// are pinned: the end of a long prompt must not evict its own beginning.
class PutOperation : public std::enable_shared_from_this<PutOperation> {
 public:
  PutOperation(CacheContext& context, std::shared_ptr<PutState> state, PutRequest request, const ObjectFormat& format);

  /// `on_end` is called once, on the node thread.
  void start(std::function<void()> on_end);
  /// Drops what has not begun.
  void drop_rest();

 private:
  struct Batch {
    std::vector<BlockKey> keys;
    std::vector<Slot> slots;
    std::vector<BlockReservation> blocks;
    std::vector<std::vector<ContentDigest>> leaves;
    std::vector<bool> sound;  // false: values that the format's codec cannot hold
    base::TimePoint submitted{};
  };

  void pump();
  std::shared_ptr<Batch> next_batch();
  void gather(std::shared_ptr<Batch> batch);
  void on_gathered(std::shared_ptr<Batch> batch, base::Result<> outcome, base::TimePoint when);
  void digest(std::shared_ptr<Batch> batch);
  void on_digested(const std::shared_ptr<Batch>& batch, base::Duration time);
  void drop(std::size_t blocks);
  void check_end();

  CacheContext& context_;
  const std::shared_ptr<PutState> state_;
  const PutRequest request_;
  const ObjectFormat format_;
  std::function<void()> on_end_;
  std::size_t next_ = 0;
  std::size_t gathering_ = 0;
  std::size_t digesting_ = 0;
  bool ready_ = false;
  bool ended_ = false;
  base::TimePoint last_gathered_{};
  std::vector<BlockPin> pins_;
};

}  // namespace kvp2p
