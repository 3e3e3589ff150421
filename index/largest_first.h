// Which of many growing and shrinking things is the largest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kvp2p {

/// A heap of numbers by size, in which each knows its place. Sizes mostly change by one, which moves little.
class LargestFirst {
 public:
  using Number = std::uint32_t;

  bool empty() const { return heap_.empty(); }
  /// REQUIRES: not empty.
  Number largest() const { return heap_.front(); }
  std::size_t size_of(Number number) const { return sizes_[number]; }

  /// Numbers are small: there is an array of them. REQUIRES of add: not in it; of the others: in it.
  void add(Number number) {
    if (number >= sizes_.size()) {
      sizes_.resize(number + 1);
      places_.resize(number + 1);
    }
    sizes_[number] = 0;
    places_[number] = heap_.size();
    heap_.push_back(number);
  }
  void remove(Number number) {
    change(number, SIZE_MAX);  // to the top
    place(heap_.back(), 0);
    heap_.pop_back();
    if (!heap_.empty()) down(0);
  }
  void change(Number number, std::size_t size) {
    const bool grows = size > sizes_[number];
    sizes_[number] = size;
    grows ? up(places_[number]) : down(places_[number]);
  }

 private:
  void place(Number number, std::size_t at) {
    heap_[at] = number;
    places_[number] = at;
  }
  void up(std::size_t at) {
    const Number number = heap_[at];
    for (; at > 0 && sizes_[heap_[(at - 1) / 2]] < sizes_[number]; at = (at - 1) / 2) place(heap_[(at - 1) / 2], at);
    place(number, at);
  }
  void down(std::size_t at) {
    const Number number = heap_[at];
    for (std::size_t child; (child = 2 * at + 1) < heap_.size(); at = child) {
      if (child + 1 < heap_.size() && sizes_[heap_[child + 1]] > sizes_[heap_[child]]) ++child;
      if (sizes_[heap_[child]] <= sizes_[number]) break;
      place(heap_[child], at);
    }
    place(number, at);
  }

  std::vector<Number> heap_;
  std::vector<std::size_t> sizes_;
  std::vector<std::size_t> places_;
};

}  // namespace kvp2p
