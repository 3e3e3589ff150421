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

void ImportCloser::close_later(ClosedRegion region) {
  {
    std::lock_guard lock(mutex_);
    if (!stopped_) {
      regions_.push_back(std::move(region));
      wake_();
      return;
    }
  }
  connector_.close_import(region.import);
}

std::vector<ClosedRegion> ImportCloser::take() {
  std::lock_guard lock(mutex_);
  return std::exchange(regions_, {});
}

void ImportCloser::stop() {
  std::vector<ClosedRegion> left;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    left = std::exchange(regions_, {});
  }
  for (const ClosedRegion& region : left) connector_.close_import(region.import);
}

}  // namespace kvp2p::direct
