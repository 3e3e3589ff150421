// Moves KV blocks between an engine's device memory and host staging memory, converting the engine's layout to wire
// order and back.
#pragma once

#include "base/result.h"
#include "gpu/layout.h"
#include "gpu/ready_event.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace kvp2p {

/// Memory that an engine has registered. Ids are never reused.
enum class RegionId : std::uint64_t {};

/// One layer of one block: the engine's slot on one side, host memory in wire order (layer_slice_bytes) on the other.
struct SliceCopy {
  Slot slot = 0;
  /// Index into the region's layers, not the model's.
  std::uint32_t layer = 0;
  /// Gather writes it, scatter reads it. Stays valid until the copy's completion has been called.
  std::uint8_t* host = nullptr;
};

/// Called once, on one of the connector's threads; must not block.
using CopyDone = std::function<void(base::Result<>)>;

/// Thread-safe. Copies of one region run in the order in which they were asked for.
class GpuConnector {
 public:
  virtual ~GpuConnector() = default;

  /// "host memory (no GPU)" or the device's name and UUID: what it is and why it was chosen, for people.
  virtual std::string description() const = 0;

  /// Makes engine memory known. The memory stays the engine's and stays valid until unregister_region returns.
  /// GpuError::kLayoutOutOfBounds if the layout reaches outside.
  virtual base::Result<RegionId> register_region(void* start, std::size_t bytes, const LayoutDesc& layout) = 0;
  /// Waits for the region's copies under way; later ones fail.
  virtual void unregister_region(RegionId region) = 0;
  virtual base::Result<LayoutDesc> layout_of(RegionId region) const = 0;

  /// Engine → host, after `ready` has happened. The memory may be reused once `done` has been called.
  virtual void gather(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) = 0;
  /// Host → engine, after `ready` has happened (the engine's own last use of the destination).
  virtual void scatter(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) = 0;

  /// Allocates host memory that this device copies from and to fastest (pinned for CUDA). Slow: for pools, at start-up.
  virtual base::Result<std::shared_ptr<std::uint8_t[]>> allocate_host(std::size_t bytes) = 0;

  /// Makes the caller's stream wait, without blocking this thread where the device can, until what was scattered before
  /// is visible to it. For host memory nothing is needed.
  virtual base::Result<> stream_wait(RegionId region, void* stream) = 0;
};

}  // namespace kvp2p
