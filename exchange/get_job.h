// One get being served: where it is in what was asked for.
#pragma once

#include "base/clock.h"
#include "exchange/lane_outbox.h"
#include "wire/messages.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvp2p {

/// What goes into one frame: neighbouring blocks of a layer, or of several layers.
struct GetChunk {
  std::uint32_t layer = 0;
  std::uint32_t first_block = 0;  // of the lookup's keys
  std::uint32_t blocks = 0;
  std::uint32_t layers = 1;
  std::size_t slices() const { return std::size_t{layers} * blocks; }
};

/// Walks over layers and runs of blocks. Pure.
class GetCursor {
 public:
  /// `slices_per_frame`: blocks of a layer that fit a frame; or, where all blocks of several layers do and the get
  /// allows it, those. REQUIRES: `get` is consistent; slices_per_frame > 0.
  GetCursor(const wire::Get& get, std::size_t slices_per_frame);

  /// The next chunk without moving on; nothing at the end. Blocks that are gone are left out.
  std::optional<GetChunk> peek();
  void advance(const GetChunk& chunk);

  /// A run could not be read as one: its blocks will be tried one by one.
  void split(const GetChunk& chunk);
  /// These were lost on their way, and come before anything else.
  void repeat(const std::vector<GetChunk>& chunks);
  /// False if it was gone before.
  bool mark_gone(std::uint32_t block);

 private:
  bool is_gone(std::uint32_t block) const { return gone_[block - first_]; }
  std::uint32_t layers_from_here() const;

  std::vector<std::uint32_t> layers_;
  std::uint32_t first_;
  std::uint32_t end_;
  std::uint32_t blocks_per_frame_;
  std::uint32_t layers_per_frame_;
  std::size_t layer_index_ = 0;
  std::uint32_t block_;
  std::vector<bool> gone_;
  std::deque<GetChunk> again_;
};

struct GetJob {
  GetJob(std::uint64_t its_id, wire::Get what, std::size_t slices_per_frame)
      : id(its_id), get(std::move(what)), streams(get.streams), credit(get.credit), cursor(get, slices_per_frame) {}

  bool over() const { return cancelled || failed; }

  std::uint64_t id;
  wire::Get get;
  /// Numbers of the lanes that frames may go over, there or not yet.
  std::vector<std::uint32_t> streams;
  /// Those that are there.
  std::vector<std::shared_ptr<LaneOutbox>> lanes;
  std::uint64_t credit;
  GetCursor cursor;
  bool starting = false;                             // a read has been begun just now
  std::size_t reading = 0;                           // chunks being read: they may come back to be tried again
  std::size_t ahead = 0;                             // frames being read or on their way out
  std::deque<std::unique_ptr<OutgoingFrame>> ready;  // read, and no lane has room yet
  /// What was given to each lane, in order.
  std::map<std::uint32_t, std::vector<GetChunk>> sent;
  std::uint32_t losses = 0;
  bool end_sent = false;
  /// Nobody waits for it any more.
  bool cancelled = false;
  bool failed = false;
  std::unique_ptr<base::Timer> deadline;
  std::unique_ptr<base::Timer> lane_wait;  // while no lane is there
};

}  // namespace kvp2p
