// The connector for NVIDIA GPUs.
#pragma once

#include "gpu/connector.h"

#include <map>
#include <memory>
#include <mutex>

namespace kvp2p {

class CudaRegion;
class CudaImportTable;
struct CudaServices;

/// Thread-safe. Copies are queued on the device by the thread that asks (small and direct ones whole, in about 10 µs;
/// of a large one the first two chunks) and carried on by one thread, the pump, from which all completions come. A
/// copy that has to wait, for an engine's event or for staging memory, holds up the later ones of its region, but no
/// thread. Nothing ever synchronises the device. After a device's failure every copy fails with kDeviceFailed.
///
/// Memory, taken when it is made: 64 MiB of the device's for each direction and 32 MiB pinned, through which pageable
/// host memory is copied; memory from allocate_host is copied to and from directly.
class CudaConnector final : public GpuConnector {
 public:
  /// `name` is the device's, for people; `why` says why it was chosen.
  CudaConnector(std::shared_ptr<CudaServices> services, std::string name, const DeviceUuid& uuid, std::string why,
                bool peer_access);
  /// Fails what is queued and waits for what runs. Not from inside a CopyDone.
  ~CudaConnector() override;

  std::string description() const override;
  base::Result<RegionId> register_region(const RegionMemory& memory, const LayoutDesc& layout) override;
  /// Copies that have not begun fail with kUnknownRegion. Not from inside a CopyDone.
  void unregister_region(RegionId region) override;
  base::Result<LayoutDesc> layout_of(RegionId region) const override;
  void gather(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) override;
  void scatter(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) override;
  /// Events of one region are waited for one after the other.
  void when_happened(RegionId region, void* event, CopyDone done) override;
  bool is_device() const override { return true; }
  /// Pinned. May outlive the connector.
  base::Result<std::shared_ptr<std::uint8_t[]>> allocate_host(std::size_t bytes) override;
  base::Result<RegionExport> export_region(RegionId region) override;
  base::Result<ImportId> import_region(RegionExport exported) override;
  void close_import(ImportId import) override;
  base::Result<DirectLink> link_of(ImportId import) const override;
  void copy_direct(ImportId from, RegionId to, std::vector<IndexPair> slots, std::vector<IndexPair> layers,
                   ReadyEvent ready, CopyDone done) override;
  /// `stream` is a cudaStream_t, null the legacy default stream. Blocks only while copies asked for before are not on
  /// the device yet: behind a host event, or large ones behind a device event or waiting for staging memory.
  base::Result<> stream_wait(RegionId region, void* stream) override;

 private:
  std::shared_ptr<CudaRegion> find(RegionId region) const;
  void copy_slices(bool gathers, RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done);

  const std::string name_;
  const DeviceUuid uuid_;
  const std::string why_;
  const std::shared_ptr<CudaServices> services_;
  const std::unique_ptr<CudaImportTable> imports_;
  mutable std::mutex mutex_;
  std::map<RegionId, std::shared_ptr<CudaRegion>> regions_;
  std::uint64_t next_id_ = 1;
};

/// The connector of the process's `device`; `why` says for people why it was chosen. GpuError::kNoDriver, and the
/// reason is logged, where there is no such device. `peer_access`: DeviceChoice::peer_access.
base::Result<std::unique_ptr<GpuConnector>> make_cuda_connector(int device, std::string why, bool peer_access = true);

}  // namespace kvp2p
