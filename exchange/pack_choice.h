// Whether a peer's frames are to come packed.
#pragma once

#include "base/clock.h"
#include "exchange/moving_average.h"
#include "exchange/pack_mode.h"

#include <cstddef>

namespace kvp2p {

/// For one peer. Pure. PackMode::kAuto: what was quicker of late, packed or not, as bytes a second of what was asked
/// for. A peer that is quick without is not tried with; otherwise both are known, as every kPackTrial-th fetch goes the
/// other way.
class PackChoice {
 public:
  explicit PackChoice(PackMode mode) : mode_(mode) {}

  /// For the next fetch, of so many bytes.
  bool next(std::size_t bytes);
  /// A fetch has brought all of its bytes, which were so many before they were packed.
  void record(bool packed, std::size_t bytes, base::Duration time);

 private:
  const PackMode mode_;
  MovingAverage plain_;
  MovingAverage packed_;
  std::size_t fetches_ = 0;
};

}  // namespace kvp2p
