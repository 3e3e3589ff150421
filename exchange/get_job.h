// One get being served: where it is in what was asked for.
#pragma once

#include "base/clock.h"
#include "base/signal.h"
#include "exchange/data_stream.h"
#include "wire/messages.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvp2p {

/// Part of one layer: neighbouring blocks that go into one frame.
struct GetChunk {
  std::uint32_t layer = 0;
  std::uint32_t first_block = 0;  // of the lookup's keys
  std::uint32_t blocks = 0;
};

/// Walks over layers and runs of blocks. Pure.
class GetCursor {
 public:
  /// REQUIRES: `get` is consistent; blocks_per_frame > 0.
  GetCursor(const wire::Get& get, std::size_t blocks_per_frame);

  /// The next chunk without moving on; nothing at the end. Blocks that are gone are left out.
  std::optional<GetChunk> peek();
  void advance(const GetChunk& chunk);

  /// A run could not be read as one: its blocks will be tried one by one.
  void split(const GetChunk& chunk);
  /// False if it was gone before.
  bool mark_gone(std::uint32_t block);

 private:
  bool is_gone(std::uint32_t block) const { return gone_[block - first_]; }

  std::vector<std::uint32_t> layers_;
  std::uint32_t first_;
  std::uint32_t end_;
  std::uint32_t blocks_per_frame_;
  std::size_t layer_index_ = 0;
  std::uint32_t block_;
  std::vector<bool> gone_;
  std::deque<GetChunk> again_;  // single blocks
};

struct GetJob {
  GetJob(const base::Executor& executor, std::uint64_t its_id, wire::Get what, std::size_t blocks_per_frame)
      : id(its_id), get(std::move(what)), credit(get.credit), cursor(get, blocks_per_frame), changed(executor) {}

  bool over() const { return cancelled || error.has_value(); }

  std::uint64_t id;
  wire::Get get;
  std::uint64_t credit;
  GetCursor cursor;
  std::vector<std::shared_ptr<DataStream>> streams;
  std::size_t lanes = 0;
  std::uint32_t frames_sent = 0;
  /// Nobody waits for it any more.
  bool cancelled = false;
  std::optional<wire::ErrorMessage> error;
  base::Signal changed;     // credit, cancelled, error, or a chunk to be tried again
  std::size_t reading = 0;  // chunks being read: they may come back to be tried again
  std::unique_ptr<base::Timer> deadline;
};

}  // namespace kvp2p
