#include "gpu/cuda_host_ranges.h"

#include "gpu/cuda_status.h"

#include <algorithm>
#include <mutex>

namespace kvp2p {

base::Result<std::shared_ptr<std::uint8_t[]>> PinnedRanges::allocate(std::size_t bytes) {
  bytes = std::max<std::size_t>(bytes, 1);
  void* memory = nullptr;
  if (const kvc_status status = kvc_pinned_alloc(bytes, &memory); status != KVC_OK) {
    return cuda_error(status, "pin host memory");
  }
  auto* start = static_cast<std::uint8_t*>(memory);
  {
    std::unique_lock lock(mutex_);
    ranges_.emplace(start, bytes);
  }
  return std::shared_ptr<std::uint8_t[]>(start, [ranges = shared_from_this()](std::uint8_t* gone) {
    {
      std::unique_lock lock(ranges->mutex_);
      ranges->ranges_.erase(gone);
    }
    kvc_pinned_free(gone);
  });
}

PinnedRange PinnedRanges::find(const std::uint8_t* from, std::size_t bytes) const {
  std::shared_lock lock(mutex_);
  auto after = ranges_.upper_bound(from);
  if (after == ranges_.begin()) return {};
  --after;
  const PinnedRange range{const_cast<std::uint8_t*>(after->first), after->second};
  return range.contains(from, bytes) ? range : PinnedRange{};
}

}  // namespace kvp2p
