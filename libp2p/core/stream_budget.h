// A bound on streams that several connections share.
#pragma once

#include <cassert>
#include <cstddef>
#include <memory>
#include <utility>

namespace libp2p {

/// Counts what is taken from it, and from its parent too: a peer's streams count against those of the node. Shared by
/// those that take from it. Not thread-safe.
class StreamBudget {
 public:
  explicit StreamBudget(std::size_t streams_max, std::shared_ptr<StreamBudget> parent = nullptr)
      : streams_max_(streams_max), parent_(std::move(parent)) {}

  /// Takes one stream, or none if this or the parent has no more.
  [[nodiscard]] bool take() {
    if (taken_ >= streams_max_ || (parent_ && !parent_->take())) return false;
    ++taken_;
    return true;
  }
  void give_back(std::size_t count = 1) {
    assert(count <= taken_);
    taken_ -= count;
    if (parent_) parent_->give_back(count);
  }
  std::size_t taken() const { return taken_; }

 private:
  std::size_t streams_max_;
  std::shared_ptr<StreamBudget> parent_;
  std::size_t taken_ = 0;
};

}  // namespace libp2p
