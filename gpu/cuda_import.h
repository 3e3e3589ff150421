// Regions of other connectors, opened here for reading.
#pragma once

#include "gpu/connector.h"
#include "gpu/cuda_status.h"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

namespace kvp2p {

/// Counts the copies that use some memory, so that it can be taken away between them. Thread-safe.
class CudaUses {
 public:
  /// False once it is closed.
  bool begin();
  void end();
  /// Waits for the uses under way; there are no later ones.
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t uses_ = 0;
  bool closed_ = false;
};

/// One open import. Thread-safe. Shared by the copies that use it.
class CudaImport {
 public:
  /// `owner`: the uses of the region of this process that it is; null for another process's.
  CudaImport(CudaImportHandle mapping, CudaRegionHandle region, LayoutDesc layout, DirectLink link,
             std::shared_ptr<CudaUses> owner)
      : mapping_(std::move(mapping)),
        region_(std::move(region)),
        layout_(std::move(layout)),
        link_(link),
        owner_(std::move(owner)) {}

  const kvc_region* region() const { return region_.get(); }
  const LayoutDesc& layout() const { return layout_; }
  DirectLink link() const { return link_; }

  /// False once it is closed, or its region unregistered in this process. Between the two the memory stays.
  bool begin_use();
  void end_use();
  /// Waits for the uses under way and unmaps.
  void close();

 private:
  // The region goes before what it lies in.
  CudaImportHandle mapping_;
  CudaRegionHandle region_;
  const LayoutDesc layout_;
  const DirectLink link_;
  const std::shared_ptr<CudaUses> owner_;
  CudaUses uses_;
};

/// Thread-safe.
class CudaImportTable {
 public:
  /// Without `peer_access` no memory of another device is opened: GpuError::kPeerAccessOff.
  CudaImportTable(int device, bool peer_access) : device_(device), peer_access_(peer_access) {}

  base::Result<ImportId> open(const RegionExport& exported);
  /// Null: unknown, or closed.
  std::shared_ptr<CudaImport> find(ImportId id) const;
  void close(ImportId id);
  void close_all();

 private:
  const int device_;
  const bool peer_access_;
  mutable std::mutex mutex_;
  std::map<ImportId, std::shared_ptr<CudaImport>> imports_;
  std::uint64_t next_id_ = 1;
};

/// What a copy needs of both sides: kFormatMismatch, kSlotOutOfRange, kLayerOutOfRange.
base::Result<> check_direct(const LayoutDesc& from, const LayoutDesc& to, const std::vector<IndexPair>& slots,
                            const std::vector<IndexPair>& layers);

/// What this process has exported, by connectors of any device. An export that comes back and names this process is
/// used by its address, so it must be one of these, on that very device: a peer could make one up. Thread-safe.
class CudaLocalExports {
 public:
  static CudaLocalExports& instance();
  /// `region` names it, and is not looked into. A second time changes nothing.
  void add(const void* region, const RegionExport& exported);
  /// Before the region's memory may go: waits for the copies out of it by its address, and there are no later ones.
  void remove(const void* region);
  /// Null: it is none of these.
  std::shared_ptr<CudaUses> find(const RegionExport& exported) const;

 private:
  struct Range {
    DeviceUuid device{};
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;
    std::shared_ptr<CudaUses> uses;
  };
  mutable std::mutex mutex_;
  std::map<const void*, Range> ranges_;
};

}  // namespace kvp2p
