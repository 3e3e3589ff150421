// A connector that exports, imports and closes as a test says, and copies nothing.
#pragma once

#include "gpu/connector.h"
#include "gpu/error.h"

#include <atomic>
#include <functional>

namespace kvp2p::testing {

/// Thread-safe, as far as the test's functions are.
class ScriptedConnector final : public GpuConnector {
 public:
  std::function<base::Result<RegionExport>(RegionId)> on_export;
  std::function<base::Result<ImportId>(RegionExport)> on_import;
  std::function<void(ImportId)> on_close;

  std::string description() const override { return "a test's"; }
  base::Result<RegionId> register_region(const RegionMemory&, const LayoutDesc&) override {
    return GpuError::kNoDevice;
  }
  void unregister_region(RegionId) override {}
  base::Result<LayoutDesc> layout_of(RegionId) const override { return GpuError::kUnknownRegion; }
  void gather(RegionId, std::vector<SliceCopy>, ReadyEvent, CopyDone done) override { done(GpuError::kNoDevice); }
  void scatter(RegionId, std::vector<SliceCopy>, ReadyEvent, CopyDone done) override { done(GpuError::kNoDevice); }
  void when_happened(RegionId, void*, CopyDone done) override { done(GpuError::kNoDevice); }
  base::Result<std::shared_ptr<std::uint8_t[]>> allocate_host(std::size_t) override { return GpuError::kOutOfMemory; }
  base::Result<RegionExport> export_region(RegionId region) override { return on_export(region); }
  base::Result<ImportId> import_region(RegionExport exported) override {
    if (on_import) return on_import(std::move(exported));
    return ImportId{++imports_};
  }
  void close_import(ImportId import) override {
    if (on_close) on_close(import);
  }
  base::Result<DirectLink> link_of(ImportId) const override { return DirectLink::kNvlink; }
  void copy_direct(ImportId, RegionId, std::vector<IndexPair>, std::vector<IndexPair>, ReadyEvent,
                   CopyDone done) override {
    done(GpuError::kNoDevice);
  }
  base::Result<> stream_wait(RegionId, void*) override { return {}; }

 private:
  std::atomic<std::uint64_t> imports_{0};
};

}  // namespace kvp2p::testing
