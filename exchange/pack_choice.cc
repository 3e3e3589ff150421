#include "exchange/pack_choice.h"

#include "exchange/limits.h"

namespace kvp2p {

bool PackChoice::next(std::size_t bytes) {
  if (mode_ != PackMode::kAuto) return mode_ == PackMode::kOn;
  // Nothing is known yet, or there is nothing to win.
  if (plain_.value() == 0 || plain_.value() >= kPackBelow) return false;
  if (packed_.value() == 0) return true;
  const bool quicker_packed = packed_.value() > plain_.value();
  // What is too small to be measured is no trial.
  const bool is_trial = bytes >= kPackMeasureBytesMin && ++fetches_ % kPackTrial == 0;
  return quicker_packed != is_trial;
}

void PackChoice::record(bool packed, std::size_t bytes, base::Duration time) {
  const double seconds = std::chrono::duration<double>(time).count();
  // A small fetch's time is the round trip.
  if (bytes < kPackMeasureBytesMin || seconds <= 0) return;
  (packed ? packed_ : plain_).add(static_cast<double>(bytes) / seconds);
}

}  // namespace kvp2p
