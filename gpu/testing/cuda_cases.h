// What the CUDA connector must do, as cases that run on a GPU (cuda_connector_gpu_test) and on the fake of its C
// interface (cuda_connector_test).
#pragma once

#include "gpu/connector.h"
#include "gpu/cuda_status.h"
#include "gpu/testing/layouts.h"

#include <future>
#include <string>
#include <vector>

namespace kvp2p::testing {

/// An engine's cache in device memory, with a copy of what it should hold. Not thread-safe.
class DeviceMemory {
 public:
  /// Filled with kPoison, or from `seed` if that is not 0.
  DeviceMemory(int device, NamedLayout named, std::uint32_t seed);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  RegionMemory memory() const { return {start_, named_.region_bytes}; }
  const LayoutDesc& layout() const { return named_.layout; }
  const std::string& name() const { return named_.name; }
  std::size_t slice_bytes() const { return layout().format.layer_slice_bytes(); }
  std::vector<std::uint8_t>& expected() { return expected_; }
  /// Writes expected() to the device; reads the device.
  void upload();
  void make_finite();
  std::vector<std::uint8_t> download() const;
  std::vector<std::uint8_t> expected_slice(std::uint32_t layer, Slot slot) const;
  /// Changes expected().
  void expect_slice(std::uint32_t layer, Slot slot, const std::uint8_t* wire);
  /// Empty if the device holds what is expected, else where it differs first.
  std::string difference() const;

 private:
  const int device_;
  const NamedLayout named_;
  void* start_ = nullptr;
  std::vector<std::uint8_t> expected_;
};

using Outcome = std::future<base::Result<>>;
Outcome start_gather(GpuConnector& connector, RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready = {});
Outcome start_scatter(GpuConnector& connector, RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready = {});
Outcome start_direct(GpuConnector& connector, ImportId from, RegionId to, std::vector<IndexPair> slots,
                     std::vector<IndexPair> layers, ReadyEvent ready = {});
/// Empty if it succeeded within a minute.
std::string failure_of(Outcome& outcome, const std::string& what);

/// Every layer of each slot, one after the other from `host` on.
std::vector<SliceCopy> slices_of(const LayoutDesc& layout, const std::vector<Slot>& slots, std::uint8_t* host);

struct CudaCase {
  const char* name;
  /// Empty, or what went wrong. `device` is the process's.
  std::string (*run)(int device);
};
const std::vector<CudaCase>& cuda_cases();

}  // namespace kvp2p::testing
