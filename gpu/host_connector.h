// The connector for machines with no GPU: the engine's KV cache is host memory. A real backend, not a stand-in: the
// reference engine on a CPU, llama.cpp and vLLM's CPU backend keep their caches there.
#pragma once

#include "gpu/connector.h"

namespace kvp2p {

class HostCopyQueue;

/// Thread-safe. Copies run on the connector's own threads; those of one region one after the other. A copy whose host
/// event has not been signalled holds up the later copies of its region, but no thread.
class HostConnector final : public GpuConnector {
 public:
  /// `why` says for people why host memory was chosen ("asked for by --device=host"). `threads` 0: half of the cores, 1
  /// to 4.
  explicit HostConnector(std::string why, unsigned threads = 0);
  /// Fails what is queued and waits for what runs.
  ~HostConnector() override;

  std::string description() const override;
  base::Result<RegionId> register_region(const RegionMemory& memory, const LayoutDesc& layout) override;
  /// Copies that have not begun fail with kUnknownRegion. Not from inside a CopyDone.
  void unregister_region(RegionId region) override;
  base::Result<LayoutDesc> layout_of(RegionId region) const override;
  void gather(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) override;
  void scatter(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) override;
  /// An event is an error (kNoDevice).
  bool gather_now(RegionId region, const std::vector<SliceCopy>& slices) override;
  bool scatter_now(RegionId region, const std::vector<SliceCopy>& slices) override;
  void when_happened(RegionId region, void* event, CopyDone done) override;
  /// Page-aligned and touched, so that no copy pays for a page fault.
  base::Result<std::shared_ptr<std::uint8_t[]>> allocate_host(std::size_t bytes) override;
  base::Result<RegionExport> export_region(RegionId region) override;
  base::Result<ImportId> import_region(RegionExport exported) override;
  void close_import(ImportId import) override;
  base::Result<DirectLink> link_of(ImportId import) const override;
  void copy_direct(ImportId from, RegionId to, std::vector<IndexPair> slots, std::vector<IndexPair> layers,
                   ReadyEvent ready, CopyDone done) override;
  /// Nothing to wait for; a stream is an error (kNoDevice).
  base::Result<> stream_wait(RegionId region, void* stream) override;

 private:
  std::string why_;
  // Shared, because an event that is signalled late still refers to it.
  std::shared_ptr<HostCopyQueue> queue_;
};

}  // namespace kvp2p
