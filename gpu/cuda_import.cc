#include "gpu/cuda_import.h"

#include "base/log.h"
#include "gpu/cuda_region.h"
#include "gpu/direct_copy.h"
#include "gpu/error.h"

#include <cstring>

namespace kvp2p {

bool CudaUses::begin() {
  std::lock_guard lock(mutex_);
  if (closed_) return false;
  ++uses_;
  return true;
}

void CudaUses::end() {
  std::lock_guard lock(mutex_);
  if (--uses_ == 0) idle_.notify_all();
}

void CudaUses::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  idle_.wait(lock, [this] { return uses_ == 0; });
}

bool CudaImport::begin_use() {
  if (!uses_.begin()) return false;
  if (owner_ == nullptr || owner_->begin()) return true;
  uses_.end();
  return false;
}

void CudaImport::end_use() {
  if (owner_ != nullptr) owner_->end();
  uses_.end();
}

void CudaImport::close() {
  uses_.close();
  region_.reset();
  mapping_.reset();
}

namespace {

/// Sizes that a hostile sender could have made up.
bool pieces_hold(const RegionExport& exported) {
  const auto& pieces = exported.pieces;
  if (exported.bytes == 0 || pieces.empty() || pieces.size() > kExportPiecesMax) return false;
  if (exported.kind == ExportKind::kCudaIpc && pieces.size() != 1) return false;
  if (exported.offset >= pieces.front().bytes) return false;
  std::uint64_t bytes = 0;
  for (const ExportPiece& piece : pieces) {
    if (piece.bytes == 0 || __builtin_add_overflow(bytes, piece.bytes, &bytes)) return false;
    if (exported.kind == ExportKind::kCudaVirtual && !piece.fd) return false;
  }
  return exported.bytes <= bytes - exported.offset;
}

/// Its number in this process; -1 if it is not visible here.
int device_with(const DeviceUuid& uuid) {
  int count = 0;
  if (kvc_device_count(&count) != KVC_OK) return -1;
  for (int device = 0; device < count; ++device) {
    kvc_device_info info = {};
    if (kvc_get_device_info(device, &info) == KVC_OK && std::memcmp(info.uuid, uuid.data(), uuid.size()) == 0) {
      return device;
    }
  }
  return -1;
}

base::Result<DirectLink> link_to(int device, int peer) {
  kvc_link link = KVC_LINK_NONE;
  if (const kvc_status status = kvc_get_link(device, peer, &link); status != KVC_OK) {
    return cuda_error(status, "find the link to another GPU");
  }
  switch (link) {
    case KVC_LINK_SAME_DEVICE:
      return DirectLink::kSameDevice;
    case KVC_LINK_NVLINK:
      return DirectLink::kNvlink;
    case KVC_LINK_PCIE:
      return DirectLink::kPcie;
    case KVC_LINK_NONE:
      break;
  }
  return GpuError::kNotReachable;
}

struct Mapped {
  CudaImportHandle mapping;
  void* start = nullptr;
  std::shared_ptr<CudaUses> owner;
};

base::Result<Mapped> map_own(const RegionExport& exported, int device, int owner) {
  Mapped mapped;
  mapped.owner = CudaLocalExports::instance().find(exported);
  if (mapped.owner == nullptr) return GpuError::kNotReachable;
  if (device != owner) {
    if (const kvc_status status = kvc_enable_peer(device, owner); status != KVC_OK) {
      return cuda_error(status, "reach another GPU");
    }
  }
  mapped.start = reinterpret_cast<void*>(static_cast<std::uintptr_t>(exported.address));
  return mapped;
}

base::Result<Mapped> map_foreign(const RegionExport& exported, int device) {
  if (!pieces_hold(exported)) return GpuError::kLayoutOutOfBounds;
  std::vector<kvc_piece> pieces(exported.pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::memcpy(pieces[i].handle, exported.pieces[i].handle.data(), sizeof pieces[i].handle);
    pieces[i].fd = exported.pieces[i].fd.get();
    pieces[i].bytes = exported.pieces[i].bytes;
  }
  kvc_export raw = {};
  raw.kind = exported.kind == ExportKind::kCudaIpc ? KVC_MEMORY_IPC : KVC_MEMORY_VIRTUAL;
  std::memcpy(raw.device_uuid, exported.device.data(), sizeof raw.device_uuid);
  raw.offset = exported.offset;
  raw.bytes = exported.bytes;
  raw.piece_count = static_cast<std::uint32_t>(pieces.size());
  raw.pieces = pieces.data();
  kvc_import* import = nullptr;
  Mapped mapped;
  if (const kvc_status status = kvc_import_memory(&raw, device, &import, &mapped.start); status != KVC_OK) {
    LOG_WARN("a peer's GPU memory cannot be opened: {} ({})", kvc_status_text(status), kvc_last_error());
    return GpuError::kNotReachable;
  }
  mapped.mapping.reset(import);
  return mapped;
}

}  // namespace

base::Result<ImportId> CudaImportTable::open(const RegionExport& exported) {
  if (exported.kind != ExportKind::kCudaIpc && exported.kind != ExportKind::kCudaVirtual) {
    return GpuError::kNotReachable;
  }
  if (!exported.layout.fits(exported.bytes)) return GpuError::kLayoutOutOfBounds;
  const int owner = device_with(exported.device);
  if (owner < 0) return GpuError::kNotReachable;
  if (owner != device_ && !peer_access_) return GpuError::kPeerAccessOff;
  auto link = link_to(device_, owner);
  if (!link) return link.error();
  auto mapped = exported.process == this_process() ? map_own(exported, device_, owner) : map_foreign(exported, device_);
  if (!mapped) return mapped.error();
  auto region = make_cuda_region(device_, mapped->start, exported.bytes, exported.layout);
  if (!region) return region.error();
  auto import = std::make_shared<CudaImport>(std::move(mapped->mapping), std::move(*region), exported.layout, *link,
                                             std::move(mapped->owner));
  std::lock_guard lock(mutex_);
  const ImportId id{next_id_++};
  imports_.emplace(id, std::move(import));
  return id;
}

std::shared_ptr<CudaImport> CudaImportTable::find(ImportId id) const {
  std::lock_guard lock(mutex_);
  auto found = imports_.find(id);
  return found == imports_.end() ? nullptr : found->second;
}

void CudaImportTable::close(ImportId id) {
  std::shared_ptr<CudaImport> import;
  {
    std::lock_guard lock(mutex_);
    auto found = imports_.find(id);
    if (found == imports_.end()) return;
    import = std::move(found->second);
    imports_.erase(found);
  }
  import->close();
}

void CudaImportTable::close_all() {
  std::map<ImportId, std::shared_ptr<CudaImport>> imports;
  {
    std::lock_guard lock(mutex_);
    imports.swap(imports_);
  }
  for (auto& [id, import] : imports) import->close();
}

base::Result<> check_direct(const LayoutDesc& from, const LayoutDesc& to, const std::vector<IndexPair>& slots,
                            const std::vector<IndexPair>& layers) {
  if (!differ_only_in_layers(from.format, to.format)) return GpuError::kFormatMismatch;
  for (const IndexPair& slot : slots) {
    if (slot.from >= from.slots() || slot.to >= to.slots()) return GpuError::kSlotOutOfRange;
  }
  for (const IndexPair& layer : layers) {
    if (layer.from >= from.layers.size() || layer.to >= to.layers.size()) return GpuError::kLayerOutOfRange;
  }
  return {};
}

CudaLocalExports& CudaLocalExports::instance() {
  static CudaLocalExports exports;
  return exports;
}

void CudaLocalExports::add(const void* region, const RegionExport& exported) {
  std::lock_guard lock(mutex_);
  ranges_.try_emplace(region, Range{exported.device, exported.address, exported.bytes, std::make_shared<CudaUses>()});
}

void CudaLocalExports::remove(const void* region) {
  std::shared_ptr<CudaUses> uses;
  {
    std::lock_guard lock(mutex_);
    auto found = ranges_.find(region);
    if (found == ranges_.end()) return;
    uses = std::move(found->second.uses);
    ranges_.erase(found);
  }
  uses->close();
}

std::shared_ptr<CudaUses> CudaLocalExports::find(const RegionExport& exported) const {
  std::lock_guard lock(mutex_);
  for (const auto& [region, range] : ranges_) {
    if (range.device == exported.device && range.address == exported.address && range.bytes == exported.bytes) {
      return range.uses;
    }
  }
  return nullptr;
}

}  // namespace kvp2p
