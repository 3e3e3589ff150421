#include "direct/owner_session.h"

namespace kvp2p::direct {

OpenRegion::OpenRegion(std::shared_ptr<ImportCloser> closer, std::shared_ptr<OwnerLink> owner, std::uint64_t id,
                       ImportId import, DirectLink link, LayoutDesc layout, GenerationView generations)
    : closer_(std::move(closer)),
      owner_(std::move(owner)),
      id_(id),
      import_(import),
      link_(link),
      layout_(std::move(layout)),
      generations_(std::move(generations)) {}

OpenRegion::~OpenRegion() { closer_->close_later({std::move(owner_), id_, import_}); }

std::optional<ReadMark> OpenRegion::begin_read() {
  if (taken_back_.load(std::memory_order_acquire) || owner_->link.has_ended()) return std::nullopt;
  const auto mark = owner_->marks.begin();
  if (!mark) return std::nullopt;
  std::shared_ptr<void> guard(nullptr, [owner = owner_, at = *mark](void*) { owner->marks.finish(at); });
  return ReadMark(std::move(guard));
}

bool OpenRegion::is_unchanged(Slot slot, std::uint64_t generation) const {
  GenerationView::read_fence();
  return has_generation({slot, generation}) && owner_->link.is_alive();
}

std::vector<bool> OpenRegion::are_unchanged(std::span<const SlotGeneration> slots) const {
  std::vector<bool> unchanged(slots.size());
  GenerationView::read_fence();
  for (std::size_t i = 0; i < slots.size(); ++i) unchanged[i] = has_generation(slots[i]);
  if (!owner_->link.is_alive()) unchanged.assign(slots.size(), false);
  return unchanged;
}

bool OpenRegion::has_generation(const SlotGeneration& slot) const {
  return slot.generation != 0 && slot.slot < generations_.slots() && generations_.get(slot.slot) == slot.generation;
}

ImportCloser::ImportCloser(GpuConnector& connector, std::function<void()> wake)
    : connector_(connector), wake_(std::move(wake)), thread_([this] { run(); }) {}

void ImportCloser::close_later(ClosedRegion region) {
  {
    std::lock_guard lock(mutex_);
    if (!stopped_) {
      waiting_.push_back(std::move(region));
      changed_.notify_one();
      return;
    }
  }
  connector_.close_import(region.import);
}

bool ImportCloser::is_full() const {
  std::lock_guard lock(mutex_);
  return waiting_.size() >= kDirectClosesMax;
}

std::vector<ClosedRegion> ImportCloser::take_closed() {
  std::lock_guard lock(mutex_);
  return std::exchange(closed_, {});
}

void ImportCloser::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  take_closed();  // there is nobody to tell
}

void ImportCloser::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    ClosedRegion region = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    connector_.close_import(region.import);
    lock.lock();
    closed_.push_back(std::move(region));
    wake_();
  }
}

}  // namespace kvp2p::direct
