// Regions of other connectors, opened here for reading.
#pragma once

#include "gpu/connector.h"
#include "gpu/cuda_status.h"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

namespace kvp2p {

/// One open import. Thread-safe. Shared by the copies that use it.
class CudaImport {
 public:
  CudaImport(CudaImportHandle mapping, CudaRegionHandle region, LayoutDesc layout, DirectLink link)
      : mapping_(std::move(mapping)), region_(std::move(region)), layout_(std::move(layout)), link_(link) {}

  const kvc_region* region() const { return region_.get(); }
  const LayoutDesc& layout() const { return layout_; }
  DirectLink link() const { return link_; }

  /// False once it is closed. Between the two the mapping stays.
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
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t uses_ = 0;
  bool closed_ = false;
};

/// Thread-safe.
class CudaImportTable {
 public:
  explicit CudaImportTable(int device) : device_(device) {}

  base::Result<ImportId> open(const RegionExport& exported);
  /// Null: unknown, or closed.
  std::shared_ptr<CudaImport> find(ImportId id) const;
  void close(ImportId id);
  void close_all();

 private:
  const int device_;
  mutable std::mutex mutex_;
  std::map<ImportId, std::shared_ptr<CudaImport>> imports_;
  std::uint64_t next_id_ = 1;
};

/// What a copy needs of both sides: kFormatMismatch, kSlotOutOfRange, kLayerOutOfRange.
base::Result<> check_direct(const LayoutDesc& from, const LayoutDesc& to, const std::vector<IndexPair>& slots,
                            const std::vector<IndexPair>& layers);

/// What this process has exported, by connectors of any device. An export that comes back and names this process is
/// used by its address, so it must be one of these: a peer could make one up.
class CudaLocalExports {
 public:
  static CudaLocalExports& instance();
  /// `region` names it, and is not looked into.
  void add(const void* region, std::uint64_t address, std::uint64_t bytes);
  void remove(const void* region);
  bool contains(std::uint64_t address, std::uint64_t bytes) const;

 private:
  mutable std::mutex mutex_;
  std::map<const void*, std::pair<std::uint64_t, std::uint64_t>> ranges_;
};

}  // namespace kvp2p
