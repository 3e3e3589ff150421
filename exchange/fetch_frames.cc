#include "exchange/fetch_frames.h"

#include "exchange/exchange_error.h"

#include <algorithm>

namespace kvp2p {

FetchFrames::FetchFrames(const FetchRequest& request, std::size_t room_bytes, bool may_be_packed, bool may_be_joined)
    : first_block_(request.first_block),
      blocks_(request.blocks),
      heads_(request.head_end - request.head_begin),
      slice_bytes_(request.format.head_slice_bytes() * heads_),
      room_bytes_(room_bytes),
      may_be_packed_(may_be_packed),
      may_be_joined_(may_be_joined),
      worker_(request.worker),
      layer_index_(kLayersMax, -1),
      seen_(request.layers.size() * request.blocks),
      gone_(request.blocks),
      slices_left_(seen_.size()) {
  for (std::size_t i = 0; i < request.layers.size(); ++i) {
    layer_index_[request.layers[i]] = static_cast<std::int32_t>(i);
  }
}

void FetchFrames::add_room(StagingLease lease) {
  std::lock_guard lock(mutex_);
  room_.push_back(std::move(lease));
}

std::size_t FetchFrames::room() const {
  std::lock_guard lock(mutex_);
  return room_.size();
}

void FetchFrames::grant(std::size_t frames) {
  std::lock_guard lock(mutex_);
  granted_ += frames;
}

std::size_t FetchFrames::not_granted() const {
  std::lock_guard lock(mutex_);
  return room_.size() - granted_;
}

std::size_t FetchFrames::granted() const {
  std::lock_guard lock(mutex_);
  return granted_;
}

std::size_t FetchFrames::slices_left() const {
  std::lock_guard lock(mutex_);
  return slices_left_;
}

void FetchFrames::mark_gone(std::uint32_t block) {
  std::lock_guard lock(mutex_);
  if (gone_[block]) return;
  gone_[block] = true;
  for (std::size_t slice = block; slice < seen_.size(); slice += blocks_) {
    if (!seen_[slice]) --slices_left_;
  }
}

template <class Call>
void FetchFrames::for_each_slice(const wire::FrameHeader& header, Call call) const {
  for (std::uint32_t layer = header.layer; layer < header.layer + header.layers; ++layer) {
    const std::size_t row = static_cast<std::size_t>(layer_index_[layer]) * blocks_;
    for (std::uint32_t i = 0; i < header.blocks; ++i) {
      const std::uint32_t block = header.first_block - first_block_ + i;
      call(row + block, block);
    }
  }
}

bool FetchFrames::fits(const wire::FrameHeader& header) const {
  if (header.layers > 1 && !may_be_joined_) return false;
  for (std::uint32_t layer = header.layer; layer < header.layer + header.layers; ++layer) {
    if (layer >= kLayersMax || layer_index_[layer] < 0) return false;
  }
  if (header.first_block < first_block_ || header.first_block + header.blocks > first_block_ + blocks_) return false;
  const std::size_t slices = std::size_t{header.layers} * header.blocks;
  if (header.length != slices * slice_bytes_ || header.leaves.size() != slices * heads_) return false;
  if (header.length > room_bytes_ || granted_ == 0) return false;  // beyond its credit
  if (header.packed > 0 && !may_be_packed_) return false;
  bool is_new = true;
  for_each_slice(header, [&](std::size_t slice, std::uint32_t) { is_new = is_new && !seen_[slice]; });
  return is_new;
}

void FetchFrames::mark_seen(const wire::FrameHeader& header, bool seen) {
  for_each_slice(header, [&](std::size_t slice, std::uint32_t block) {
    seen_[slice] = seen;
    if (gone_[block]) return;
    seen ? --slices_left_ : ++slices_left_;
  });
}

base::Result<StagingLease> FetchFrames::take(const wire::FrameHeader& header) {
  std::lock_guard lock(mutex_);
  if (closed_) return ExchangeError::kCancelled;
  if (!fits(header)) return ExchangeError::kProtocolBroken;
  mark_seen(header, true);
  // The room that came last was used last, and may still be in a cache.
  StagingLease lease = std::move(room_.back());
  room_.pop_back();
  --granted_;
  return lease;
}

void FetchFrames::give_back(const wire::FrameHeader& header, StagingLease lease) {
  std::lock_guard lock(mutex_);
  if (closed_) return;
  mark_seen(header, false);
  room_.push_back(std::move(lease));
  ++granted_;
}

std::size_t FetchFrames::close() {
  std::vector<StagingLease> room;  // goes after the lock: giving back calls others
  std::lock_guard lock(mutex_);
  closed_ = true;
  room.swap(room_);
  return std::exchange(granted_, 0);
}

}  // namespace kvp2p
