// From ids to what they stand for, for calls from many threads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace kvp2p {

/// Thread-safe. Ids are never reused. In parts with a lock each, so that engine threads do not meet on one.
template <class Id, class T>
class IdTable {
 public:
  Id next_id() { return Id{next_.fetch_add(1)}; }

  void insert(Id id, std::shared_ptr<T> value) {
    Part& part = part_of(id);
    std::lock_guard lock(part.mutex);
    part.values.emplace(static_cast<std::uint64_t>(id), std::move(value));
    ++size_;
  }
  std::shared_ptr<T> find(Id id) const {
    const Part& part = part_of(id);
    std::lock_guard lock(part.mutex);
    auto found = part.values.find(static_cast<std::uint64_t>(id));
    return found == part.values.end() ? nullptr : found->second;
  }
  /// What was there; null if nothing was.
  std::shared_ptr<T> remove(Id id) {
    Part& part = part_of(id);
    std::lock_guard lock(part.mutex);
    auto found = part.values.find(static_cast<std::uint64_t>(id));
    if (found == part.values.end()) return nullptr;
    auto value = std::move(found->second);
    part.values.erase(found);
    --size_;
    return value;
  }
  std::size_t size() const { return size_; }
  std::vector<std::shared_ptr<T>> all() const {
    std::vector<std::shared_ptr<T>> values;
    for (const Part& part : parts_) {
      std::lock_guard lock(part.mutex);
      for (const auto& [id, value] : part.values) values.push_back(value);
    }
    return values;
  }

 private:
  struct Part {
    mutable std::mutex mutex;
    std::unordered_map<std::uint64_t, std::shared_ptr<T>> values;
  };
  static constexpr std::size_t kParts = 16;

  Part& part_of(Id id) { return parts_[static_cast<std::uint64_t>(id) % kParts]; }
  const Part& part_of(Id id) const { return parts_[static_cast<std::uint64_t>(id) % kParts]; }

  std::array<Part, kParts> parts_;
  std::atomic<std::uint64_t> next_{1};
  std::atomic<std::size_t> size_{0};
};

}  // namespace kvp2p
