// Which host memory is pinned: what allocate_host has given out.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>

namespace kvp2p {

struct PinnedRange {
  std::uint8_t* start = nullptr;
  std::size_t bytes = 0;

  bool contains(const std::uint8_t* from, std::size_t count) const {
    return from >= start && count <= bytes && static_cast<std::size_t>(from - start) <= bytes - count;
  }
};

/// Thread-safe. Shared by the memory that it knows of, which may outlive its connector.
class PinnedRanges : public std::enable_shared_from_this<PinnedRanges> {
 public:
  /// Freed and forgotten with the last owner. Slow.
  base::Result<std::shared_ptr<std::uint8_t[]>> allocate(std::size_t bytes);
  /// The range that holds all of it; an empty one for other memory. Tens of nanoseconds.
  PinnedRange find(const std::uint8_t* from, std::size_t bytes) const;

 private:
  mutable std::shared_mutex mutex_;
  std::map<const std::uint8_t*, std::size_t> ranges_;
};

}  // namespace kvp2p
