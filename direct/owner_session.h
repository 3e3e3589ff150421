// A reader's connection to one owner, and the regions of it that are open here.
#pragma once

#include "direct/direct_client.h"
#include "direct/generations.h"
#include "direct/limits.h"
#include "direct/packet_link.h"
#include "direct/read_marks.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace kvp2p::direct {

class ImportCloser;

/// What regions and their reads share of a connection. The link is the client thread's but for what any thread may.
struct OwnerLink {
  explicit OwnerLink(base::UniqueFd fd) : link(std::move(fd), kDirectAnswerBytesMax) {}
  PacketLink link;
  MarkSet marks;  // set before any region is there
};

class OpenRegion final : public PeerRegion {
 public:
  OpenRegion(std::shared_ptr<ImportCloser> closer, std::shared_ptr<OwnerLink> owner, std::uint64_t id, ImportId import,
             DirectLink link, LayoutDesc layout, GenerationView generations);
  ~OpenRegion() override;

  ImportId import_id() const override { return import_; }
  const LayoutDesc& layout() const override { return layout_; }
  DirectLink link() const override { return link_; }
  std::optional<ReadMark> begin_read() override;
  bool is_unchanged(Slot slot, std::uint64_t generation) const override;
  std::vector<bool> are_unchanged(std::span<const SlotGeneration> slots) const override;

  void take_back() { taken_back_.store(true, std::memory_order_release); }

 private:
  bool has_generation(const SlotGeneration& slot) const;

  std::shared_ptr<ImportCloser> closer_;
  std::shared_ptr<OwnerLink> owner_;
  const std::uint64_t id_;
  const ImportId import_;
  const DirectLink link_;
  const LayoutDesc layout_;
  const GenerationView generations_;
  std::atomic<bool> taken_back_{false};
};

/// An import that is no longer used.
struct ClosedRegion {
  std::shared_ptr<OwnerLink> owner;
  std::uint64_t id = 0;
  ImportId import{};
};

/// Closes imports on a thread of its own: a device may first finish all that it has been given, whoever gave it, and no
/// other peer waits for that. After stop() on the thread of whoever lets go of the region. Thread-safe.
class ImportCloser {
 public:
  /// `wake` is called when take_closed() has something to give.
  ImportCloser(GpuConnector& connector, std::function<void()> wake);
  /// stop() has been called.
  ~ImportCloser() = default;
  /// May be called inside any lock but the closer's. Never waits before stop().
  void close_later(ClosedRegion region);
  /// So many imports wait that none should be opened.
  bool is_full() const;
  /// What has been closed since.
  std::vector<ClosedRegion> take_closed();
  /// Closes what waits, and ends the thread.
  void stop();

 private:
  void run();

  GpuConnector& connector_;
  std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ClosedRegion> waiting_;
  std::vector<ClosedRegion> closed_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace kvp2p::direct
