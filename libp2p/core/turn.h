// Lets connections that share a thread take turns: what has come in already is handled without waiting, but not for
// long.
#pragma once

#include "base/task.h"

#include <cstddef>

namespace libp2p {

/// Lets others run several times, which is next to nothing if nobody has anything to do. For what costs much more than
/// it brings: whoever provokes it gets less of the thread than whoever sends bytes.
inline base::Task<> give_way() {
  constexpr int kTurns = 16;
  for (int i = 0; i < kTurns; ++i) co_await base::yield_now();
}

/// Counts what one connection has done since others could run. Not thread-safe.
class Turn {
 public:
  /// Small items cost more than their bytes, so both are bounded.
  Turn(std::size_t bytes_max, std::size_t items_max) : bytes_max_(bytes_max), items_max_(items_max) {}

  void count_bytes(std::size_t bytes) { bytes_ += bytes; }
  void count_items(std::size_t items) { items_ += items; }
  /// Ends the turn early.
  void end() { bytes_ = bytes_max_; }

  bool is_over() const { return bytes_ >= bytes_max_ || is_over_by_items(); }
  bool is_over_by_items() const { return items_ >= items_max_; }

  /// Begins the next turn after others have had theirs. `gives_way`: as after one that went on small items.
  base::Task<> let_others_run(bool gives_way = false) {
    gives_way = gives_way || is_over_by_items();
    restart();
    return gives_way ? give_way() : base::yield_now();
  }

  /// Begins the next turn: others have run meanwhile.
  void restart() {
    bytes_ = 0;
    items_ = 0;
  }

 private:
  std::size_t bytes_max_;
  std::size_t items_max_;
  std::size_t bytes_ = 0;
  std::size_t items_ = 0;
};

}  // namespace libp2p
