// A digest of everything that happens in a simulation: two runs whose digests agree have done the same.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"

#include <cstdint>
#include <memory>
#include <string>

namespace kvp2p::sim {

/// Not thread-safe.
class Trace {
 public:
  Trace();
  ~Trace();

  /// `what` tells kinds of events apart.
  void note(char what, base::TimePoint when, std::uint64_t first, std::uint64_t second, base::ConstBytes content = {});
  std::uint64_t events() const { return events_; }
  /// Of all events so far, in order.
  std::string digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::uint64_t events_ = 0;
};

}  // namespace kvp2p::sim
