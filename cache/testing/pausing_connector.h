// Host memory, with a test's own steps before and after each direct copy.
#pragma once

#include "gpu/host_connector.h"

#include <atomic>
#include <functional>

namespace kvp2p::testing {

/// Thread-safe, but for the hooks: set them while nothing is copied.
class PausingConnector final : public GpuConnector {
 public:
  /// Called on the thread that asks for a copy. An error: the copy fails with it.
  std::function<base::Result<>()> before_copy;
  /// Called on the connector's thread when the bytes are in place, before anybody is told. It may wait.
  std::function<void()> after_copy;
  /// Set: each copy is made in two halves of its slots, and this is called between them, on the connector's thread.
  std::function<void()> amid_copy;
  /// Whether it says of itself that its regions are a device's memory, so that copies are launched and not made at
  /// once.
  bool as_device = false;
  std::atomic<int> scatters{0};
  /// Called on the connector's thread when a scatter's bytes are in place, before anybody is told. It may wait, or say
  /// that the copy failed.
  std::function<base::Result<>()> after_scatter;
  /// Who waits for a device's event, which a test then lets happen.
  std::vector<CopyDone> events;
  std::atomic<int> direct_copies{0};
  /// That are open.
  std::atomic<int> imports{0};

  std::string description() const override { return host_.description(); }
  base::Result<RegionId> register_region(const RegionMemory& memory, const LayoutDesc& layout) override {
    return host_.register_region(memory, layout);
  }
  void unregister_region(RegionId region) override { host_.unregister_region(region); }
  base::Result<LayoutDesc> layout_of(RegionId region) const override { return host_.layout_of(region); }
  void gather(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) override {
    host_.gather(region, std::move(slices), std::move(ready), std::move(done));
  }
  void scatter(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) override {
    ++scatters;
    if (!after_scatter) return host_.scatter(region, std::move(slices), std::move(ready), std::move(done));
    auto copied = [this, done = std::move(done)](base::Result<> outcome) {
      if (outcome) outcome = after_scatter();
      done(outcome);
    };
    host_.scatter(region, std::move(slices), std::move(ready), std::move(copied));
  }
  bool is_device() const override { return as_device; }
  void when_happened(RegionId region, void* event, CopyDone done) override {
    if (event != nullptr) return events.push_back(std::move(done));
    host_.when_happened(region, event, std::move(done));
  }
  base::Result<std::shared_ptr<std::uint8_t[]>> allocate_host(std::size_t bytes) override {
    return host_.allocate_host(bytes);
  }
  base::Result<RegionExport> export_region(RegionId region) override { return host_.export_region(region); }
  base::Result<ImportId> import_region(RegionExport exported) override {
    auto import = host_.import_region(std::move(exported));
    if (import) ++imports;
    return import;
  }
  void close_import(ImportId import) override {
    host_.close_import(import);
    --imports;
  }
  base::Result<DirectLink> link_of(ImportId import) const override { return host_.link_of(import); }
  void copy_direct(ImportId from, RegionId to, std::vector<IndexPair> slots, std::vector<IndexPair> layers,
                   ReadyEvent ready, CopyDone done) override {
    ++direct_copies;
    if (before_copy) {
      if (auto go_on = before_copy(); !go_on) return done(go_on);
    }
    auto copied = [this, done = std::move(done)](base::Result<> outcome) {
      if (after_copy) after_copy();
      done(outcome);
    };
    if (!amid_copy) {
      return host_.copy_direct(from, to, std::move(slots), std::move(layers), std::move(ready), std::move(copied));
    }
    const auto middle = slots.begin() + static_cast<std::ptrdiff_t>(slots.size() / 2);
    std::vector<IndexPair> rest(middle, slots.end());
    slots.erase(middle, slots.end());
    auto half_done = [this, from, to, rest = std::move(rest), layers,
                      copied = std::move(copied)](base::Result<> outcome) {
      if (!outcome) return copied(outcome);
      amid_copy();
      host_.copy_direct(from, to, rest, layers, ReadyEvent(), copied);
    };
    host_.copy_direct(from, to, std::move(slots), std::move(layers), std::move(ready), std::move(half_done));
  }
  base::Result<> stream_wait(RegionId region, void* stream) override { return host_.stream_wait(region, stream); }

 private:
  HostConnector host_{"test", 1};
};

}  // namespace kvp2p::testing
