// The latest batches, for those who have missed some.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

namespace kvp2p {

/// Keeps `Payload`s with their numbers, as many as the bounds allow; the oldest go first.
template <class Payload>
class ReplayBuffer {
 public:
  ReplayBuffer(std::size_t batches_max, std::size_t bytes_max) : batches_max_(batches_max), bytes_max_(bytes_max) {}

  /// Numbers ascend.
  void add(std::uint64_t sequence, Payload payload) {
    bytes_ += payload.size();
    kept_.emplace_back(sequence, std::move(payload));
    while (!kept_.empty() && (kept_.size() > batches_max_ || bytes_ > bytes_max_)) {
      bytes_ -= kept_.front().second.size();
      kept_.pop_front();
    }
  }
  template <class Call>
  void for_each_from(std::uint64_t sequence, Call&& call) {
    for (auto& [number, payload] : kept_) {
      if (number >= sequence) call(number, payload);
    }
  }
  std::size_t bytes() const { return bytes_; }

 private:
  const std::size_t batches_max_;
  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::deque<std::pair<std::uint64_t, Payload>> kept_;
};

}  // namespace kvp2p
