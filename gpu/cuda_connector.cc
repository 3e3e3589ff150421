#include "gpu/cuda_connector.h"

#include "base/log.h"
#include "gpu/cuda_region.h"
#include "gpu/error.h"

#include <cstring>

namespace kvp2p {

namespace {

/// As nvidia-smi writes it: GPU-8-4-4-4-12.
std::string uuid_text(const DeviceUuid& uuid) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "GPU-";
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kDigits[uuid[i] >> 4];
    text += kDigits[uuid[i] & 15];
  }
  return text;
}

base::Result<> check_slices(const LayoutDesc& layout, const std::vector<SliceCopy>& slices) {
  const std::uint32_t slots = layout.slots();
  for (const SliceCopy& slice : slices) {
    if (slice.slot >= slots) return GpuError::kSlotOutOfRange;
    if (slice.layer >= layout.layers.size()) return GpuError::kLayerOutOfRange;
  }
  return {};
}

}  // namespace

CudaConnector::CudaConnector(std::shared_ptr<CudaServices> services, std::string name, const DeviceUuid& uuid,
                             std::string why, bool peer_access)
    : name_(std::move(name)),
      uuid_(uuid),
      why_(std::move(why)),
      services_(std::move(services)),
      imports_(std::make_unique<CudaImportTable>(services_->device, peer_access)) {}

CudaConnector::~CudaConnector() {
  std::map<RegionId, std::shared_ptr<CudaRegion>> regions;
  {
    std::lock_guard lock(mutex_);
    regions.swap(regions_);
  }
  for (auto& [id, region] : regions) {
    region->close(GpuError::kStopping);
    services_->pump.remove(region.get());
    CudaLocalExports::instance().remove(region.get());
  }
  imports_->close_all();
  services_->pump.stop();
  services_->copier.stop();
}

std::string CudaConnector::description() const { return name_ + ", " + uuid_text(uuid_) + ": " + why_; }

base::Result<RegionId> CudaConnector::register_region(const RegionMemory& memory, const LayoutDesc& layout) {
  if (memory.start == nullptr || !layout.fits(memory.bytes)) return GpuError::kLayoutOutOfBounds;
  auto region = CudaRegion::create(services_, memory, layout);
  if (!region) return region.error();
  services_->pump.add(*region);
  std::lock_guard lock(mutex_);
  const RegionId id{next_id_++};
  regions_.emplace(id, std::move(*region));
  return id;
}

void CudaConnector::unregister_region(RegionId id) {
  std::shared_ptr<CudaRegion> region;
  {
    std::lock_guard lock(mutex_);
    auto found = regions_.find(id);
    if (found == regions_.end()) return;
    region = std::move(found->second);
    regions_.erase(found);
  }
  CudaLocalExports::instance().remove(region.get());
  region->close(GpuError::kUnknownRegion);
  services_->pump.remove(region.get());
}

std::shared_ptr<CudaRegion> CudaConnector::find(RegionId id) const {
  std::lock_guard lock(mutex_);
  auto found = regions_.find(id);
  return found == regions_.end() ? nullptr : found->second;
}

base::Result<LayoutDesc> CudaConnector::layout_of(RegionId id) const {
  const auto region = find(id);
  if (!region) return GpuError::kUnknownRegion;
  return region->layout();
}

void CudaConnector::copy_slices(bool gathers, RegionId id, std::vector<SliceCopy> slices, ReadyEvent ready,
                                CopyDone done) {
  const auto region = find(id);
  base::Result<> good;
  if (!region) {
    good = GpuError::kUnknownRegion;
  } else {
    good = check_slices(region->layout(), slices);
  }
  if (!good) {
    services_->pump.fail(std::move(done), good.error());
    return;
  }
  auto job = std::make_shared<CudaJob>();
  job->kind = gathers ? CudaCopyKind::kGather : CudaCopyKind::kScatter;
  job->done = std::move(done);
  job->ready = std::move(ready);
  job->slices = std::move(slices);
  job->spread = spread_of(job->slices, region->layout().format.layer_slice_bytes(), *services_->pinned);
  region->submit(std::move(job));
}

void CudaConnector::gather(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) {
  copy_slices(true, region, std::move(slices), std::move(ready), std::move(done));
}

void CudaConnector::scatter(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) {
  copy_slices(false, region, std::move(slices), std::move(ready), std::move(done));
}

void CudaConnector::when_happened(RegionId id, void* event, CopyDone done) {
  if (const auto region = find(id)) {
    region->when_happened(static_cast<kvc_event>(event), std::move(done));
  } else {
    services_->pump.fail(std::move(done), GpuError::kUnknownRegion);
  }
}

base::Result<std::shared_ptr<std::uint8_t[]>> CudaConnector::allocate_host(std::size_t bytes) {
  return services_->pinned->allocate(bytes);
}

base::Result<RegionExport> CudaConnector::export_region(RegionId id) {
  const auto region = find(id);
  if (!region) return GpuError::kUnknownRegion;
  const RegionMemory& memory = region->memory();
  kvc_export raw = {};
  if (const kvc_status status = kvc_export_memory(memory.start, memory.bytes, &raw); status != KVC_OK) {
    LOG_WARN("other processes cannot read this GPU memory in place: {} ({})", kvc_status_text(status),
             kvc_last_error());
    return status == KVC_ERROR_DEVICE ? GpuError::kDeviceFailed : GpuError::kNotShareable;
  }
  RegionExport exported;
  exported.kind = raw.kind == KVC_MEMORY_IPC ? ExportKind::kCudaIpc : ExportKind::kCudaVirtual;
  std::memcpy(exported.device.data(), raw.device_uuid, exported.device.size());
  exported.process = this_process();
  exported.address = reinterpret_cast<std::uintptr_t>(memory.start);
  exported.offset = raw.offset;
  exported.bytes = raw.bytes;
  exported.layout = region->layout();
  for (std::uint32_t i = 0; i < raw.piece_count; ++i) {
    ExportPiece piece;
    std::memcpy(piece.handle.data(), raw.pieces[i].handle, piece.handle.size());
    // The descriptor is the piece's from here on.
    piece.fd.reset(std::exchange(raw.pieces[i].fd, -1));
    piece.bytes = raw.pieces[i].bytes;
    exported.pieces.push_back(std::move(piece));
  }
  kvc_export_free(&raw);
  CudaLocalExports::instance().add(region.get(), exported);
  if (!find(id)) {  // unregistered meanwhile, and perhaps before it was added
    CudaLocalExports::instance().remove(region.get());
    return GpuError::kUnknownRegion;
  }
  return exported;
}

base::Result<ImportId> CudaConnector::import_region(RegionExport exported) { return imports_->open(exported); }

void CudaConnector::close_import(ImportId import) { imports_->close(import); }

base::Result<DirectLink> CudaConnector::link_of(ImportId import) const {
  const auto found = imports_->find(import);
  if (!found) return GpuError::kUnknownImport;
  return found->link();
}

void CudaConnector::copy_direct(ImportId from, RegionId to, std::vector<IndexPair> slots, std::vector<IndexPair> layers,
                                ReadyEvent ready, CopyDone done) {
  const auto import = imports_->find(from);
  const auto region = find(to);
  base::Result<> good;
  if (!import) {
    good = GpuError::kUnknownImport;
  } else if (!region) {
    good = GpuError::kUnknownRegion;
  } else {
    good = check_direct(import->layout(), region->layout(), slots, layers);
  }
  if (!good) {
    services_->pump.fail(std::move(done), good.error());
    return;
  }
  auto job = std::make_shared<CudaJob>();
  job->kind = CudaCopyKind::kDirect;
  job->done = std::move(done);
  job->ready = std::move(ready);
  job->from = import;
  for (const IndexPair& slot : slots) job->slots.push_back({slot.from, slot.to});
  for (const IndexPair& layer : layers) job->layers.push_back({layer.from, layer.to});
  region->submit(std::move(job));
}

base::Result<> CudaConnector::stream_wait(RegionId id, void* stream) {
  const auto region = find(id);
  if (!region) return GpuError::kUnknownRegion;
  return region->stream_wait(static_cast<kvc_stream>(stream));
}

base::Result<std::unique_ptr<GpuConnector>> make_cuda_connector(int device, std::string why, bool peer_access) {
  int count = 0;
  kvc_status status = kvc_device_count(&count);
  kvc_device_info info = {};
  if (status == KVC_OK) {
    status = device >= 0 && device < count ? kvc_get_device_info(device, &info) : KVC_ERROR_NO_DEVICE;
  }
  if (status != KVC_OK) {
    LOG_WARN("GPU {} cannot be used: {} ({})", device, kvc_status_text(status), kvc_last_error());
    return cuda_error(status, "look for the GPU");
  }
  auto services = std::make_shared<CudaServices>(device);
  using Place = CudaChunkRing::Place;
  auto down = CudaChunkRing::create(device, Place::kDevice);
  if (!down) return down.error();
  auto up = CudaChunkRing::create(device, Place::kDevice);
  if (!up) return up.error();
  auto bounce = CudaChunkRing::create(device, Place::kPinnedHost);
  if (!bounce) return bounce.error();
  services->down = std::move(*down);
  services->up = std::move(*up);
  services->bounce = std::move(*bounce);
  DeviceUuid uuid;
  std::memcpy(uuid.data(), info.uuid, uuid.size());
  info.name[sizeof info.name - 1] = '\0';
  return std::unique_ptr<GpuConnector>(
      new CudaConnector(std::move(services), info.name, uuid, std::move(why), peer_access));
}

}  // namespace kvp2p
