#include "gpu/host_connector.h"

#include "base/log.h"
#include "gpu/error.h"
#include "gpu/host_copy_queue.h"

#include <cstdlib>
#include <cstring>

namespace kvp2p {

namespace {

constexpr std::size_t kPageBytes = 4096;

unsigned default_threads() { return std::clamp(std::thread::hardware_concurrency() / 2, 1u, 4u); }

}  // namespace

HostConnector::HostConnector(std::string why, unsigned threads)
    : why_(std::move(why)), queue_(std::make_shared<HostCopyQueue>()) {
  queue_->start(threads == 0 ? default_threads() : threads);
}

HostConnector::~HostConnector() { queue_->stop(); }

std::string HostConnector::description() const {
  return "host memory (no GPU: a real backend for machines with none): " + why_;
}

base::Result<RegionId> HostConnector::register_region(const RegionMemory& memory, const LayoutDesc& layout) {
  if (memory.start == nullptr || !layout.fits(memory.bytes)) return GpuError::kLayoutOutOfBounds;
  return queue_->add_region(memory, layout);
}

void HostConnector::unregister_region(RegionId region) { queue_->remove_region(region); }

base::Result<LayoutDesc> HostConnector::layout_of(RegionId region) const { return queue_->layout_of(region); }

void HostConnector::gather(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) {
  queue_->submit(region, SliceWork{CopyDirection::kGather, std::move(slices)}, ready, std::move(done));
}

void HostConnector::scatter(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) {
  queue_->submit(region, SliceWork{CopyDirection::kScatter, std::move(slices)}, ready, std::move(done));
}

bool HostConnector::gather_now(RegionId region, const std::vector<SliceCopy>& slices) {
  return queue_->copy_now(region, CopyDirection::kGather, slices);
}

bool HostConnector::scatter_now(RegionId region, const std::vector<SliceCopy>& slices) {
  return queue_->copy_now(region, CopyDirection::kScatter, slices);
}

base::Result<std::shared_ptr<std::uint8_t[]>> HostConnector::allocate_host(std::size_t bytes) {
  const std::size_t rounded = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  if (rounded < bytes) return GpuError::kOutOfMemory;
  void* memory = std::aligned_alloc(kPageBytes, std::max(rounded, kPageBytes));
  if (memory == nullptr) return GpuError::kOutOfMemory;
  std::memset(memory, 0, rounded);
  return std::shared_ptr<std::uint8_t[]>(static_cast<std::uint8_t*>(memory), [](std::uint8_t* p) { std::free(p); });
}

base::Result<RegionExport> HostConnector::export_region(RegionId region) {
  auto exported = queue_->export_region(region);
  if (!exported && exported.error() == GpuError::kNotShareable) {
    LOG_INFO("region {} is private host memory: other processes of this host get copies of its blocks, sent",
             static_cast<std::uint64_t>(region));
  }
  return exported;
}

// The memfd is mapped even for a region of this process: an address from outside could name any memory.
base::Result<ImportId> HostConnector::import_region(RegionExport exported) {
  if (exported.kind != ExportKind::kHostMemfd || exported.pieces.size() != 1) return GpuError::kNotReachable;
  if (!exported.layout.fits(exported.bytes)) return GpuError::kLayoutOutOfBounds;
  auto memory = MappedMemory::map_readable(exported.pieces[0].fd.get(), exported.offset, exported.bytes);
  if (!memory) return memory.error();
  return queue_->add_import(std::move(*memory), exported.layout);
}

void HostConnector::when_happened(RegionId region, void* event, CopyDone done) {
  queue_->submit(region, SliceWork{}, ReadyEvent{nullptr, event}, std::move(done));
}

void HostConnector::close_import(ImportId import) { queue_->remove_import(import); }

base::Result<DirectLink> HostConnector::link_of(ImportId import) const {
  if (!queue_->has_import(import)) return GpuError::kUnknownImport;
  return DirectLink::kSharedMemory;
}

void HostConnector::copy_direct(ImportId from, RegionId to, std::vector<IndexPair> slots, std::vector<IndexPair> layers,
                                ReadyEvent ready, CopyDone done) {
  queue_->submit(to, DirectWork{from, std::move(slots), std::move(layers)}, ready, std::move(done));
}

base::Result<> HostConnector::stream_wait(RegionId region, void* stream) {
  if (auto layout = queue_->layout_of(region); !layout) return layout.error();
  if (stream != nullptr) return GpuError::kNoDevice;
  return {};
}

}  // namespace kvp2p
