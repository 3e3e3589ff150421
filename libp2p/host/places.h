// A number of places for coroutines, so that only so many do something at once.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "base/signal.h"

#include <memory>
#include <stop_token>
#include <utility>

namespace libp2p {

/// Not thread-safe: lives on its executor, and outlives what waits for a place or has one.
class Places {
 public:
  Places(const base::Executor& executor, base::Clock& clock, std::size_t count)
      : clock_(clock), free_(count), changed_(executor) {}

  /// Gives the place back when destroyed.
  class Place {
   public:
    explicit Place(Places& places) : places_(&places) {}
    Place(Place&& other) noexcept : places_(std::exchange(other.places_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (places_ != nullptr) places_->leave();
    }

   private:
    Places* places_;
  };

  /// Waits for a place: Error::kTimeout at `deadline`, Error::kClosing once stopped.
  base::Task<base::Result<Place>> enter(base::TimePoint deadline, std::stop_token stop);

 private:
  void leave() {
    ++free_;
    changed_.notify_all();
  }

  base::Clock& clock_;
  std::size_t free_;
  base::Signal changed_;
};

}  // namespace libp2p
