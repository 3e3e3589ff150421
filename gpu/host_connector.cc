#include "gpu/host_connector.h"

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
  return queue_->add_region(static_cast<std::uint8_t*>(memory.start), layout);
}

void HostConnector::unregister_region(RegionId region) { queue_->remove_region(region); }

base::Result<LayoutDesc> HostConnector::layout_of(RegionId region) const { return queue_->layout_of(region); }

void HostConnector::gather(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) {
  queue_->submit(region, CopyDirection::kGather, std::move(slices), ready, std::move(done));
}

void HostConnector::scatter(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) {
  queue_->submit(region, CopyDirection::kScatter, std::move(slices), ready, std::move(done));
}

base::Result<std::shared_ptr<std::uint8_t[]>> HostConnector::allocate_host(std::size_t bytes) {
  const std::size_t rounded = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  if (rounded < bytes) return GpuError::kOutOfMemory;
  void* memory = std::aligned_alloc(kPageBytes, std::max(rounded, kPageBytes));
  if (memory == nullptr) return GpuError::kOutOfMemory;
  std::memset(memory, 0, rounded);
  return std::shared_ptr<std::uint8_t[]>(static_cast<std::uint8_t*>(memory), [](std::uint8_t* p) { std::free(p); });
}

base::Result<RegionExport> HostConnector::export_region(RegionId) { return GpuError::kNotShareable; }

base::Result<ImportId> HostConnector::import_region(RegionExport) { return GpuError::kNotReachable; }

void HostConnector::close_import(ImportId) {}

base::Result<DirectLink> HostConnector::link_of(ImportId) const { return GpuError::kUnknownImport; }

void HostConnector::copy_direct(ImportId, RegionId, std::vector<IndexPair>, std::vector<IndexPair>, ReadyEvent,
                                CopyDone done) {
  done(GpuError::kUnknownImport);
}

base::Result<> HostConnector::stream_wait(RegionId region, void* stream) {
  if (auto layout = queue_->layout_of(region); !layout) return layout.error();
  if (stream != nullptr) return GpuError::kNoDevice;
  return {};
}

}  // namespace kvp2p
