// A queue that holds no memory while it is empty, unlike std::deque: an idle session has several.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace libp2p::yamux {

/// First in, first out. Elements are moved when it grows, and half of them once every so many pops.
template <class T>
class FlatQueue {
 public:
  bool empty() const { return size() == 0; }
  std::size_t size() const { return items_.size() - first_; }

  void push_back(T item) { items_.push_back(std::move(item)); }
  T& front() { return items_[first_]; }
  void pop_front() {
    items_[first_] = T();
    ++first_;
    if (first_ == items_.size()) return drop_all();
    if (first_ < kUnmovedMin || first_ < items_.size() / 2) return;
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  /// Takes `item` out, wherever it is. REQUIRES: it is not T().
  void remove(const T& item) {
    std::erase(items_, item);
    if (empty()) drop_all();
  }
  void clear() { drop_all(); }

 private:
  static constexpr std::size_t kUnmovedMin = 32;
  /// Room that an empty queue keeps.
  static constexpr std::size_t kKeptMax = 16;

  void drop_all() {
    items_.clear();
    first_ = 0;
    if (items_.capacity() > kKeptMax) items_ = std::vector<T>();
  }

  std::vector<T> items_;  // those before first_ are T()
  std::size_t first_ = 0;
};

}  // namespace libp2p::yamux
