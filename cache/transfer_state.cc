#include "cache/transfer_state.h"

#include <algorithm>

namespace kvp2p {

TransferState::TransferState(TransferId id, RegionId region, std::size_t blocks, std::uint32_t layers,
                             std::shared_ptr<CompletionQueue> completions, std::function<void()> on_ended)
    : id_(id),
      region_(region),
      completions_(std::move(completions)),
      on_ended_(std::move(on_ended)),
      progress_(blocks, layers),
      visible_layers_(layers, 0) {
  visible_.good_blocks = blocks;
}

void add_path(TransferReport& report, const std::string& path) {
  if (report.path.find(path) != std::string::npos) return;
  if (!report.path.empty()) report.path += "; ";
  report.path += path;
}

std::size_t TransferState::begin_write(std::size_t first, std::size_t count) {
  std::lock_guard lock(mutex_);
  if (finishing_ || first >= progress_.good()) return 0;
  count = std::min(count, progress_.good() - first);
  writes_.push_back(first + count);
  return count;
}

void TransferState::end_write(std::uint32_t layer, std::uint32_t layers, std::size_t first, std::size_t count,
                              bool ok) {
  std::unique_lock lock(mutex_);
  forget_write(first + count);
  if (ok) {
    for (std::uint32_t i = layer; i < layer + layers; ++i) {
      for (std::size_t block = first; block < first + count; ++block) progress_.deliver(i, block);
    }
  } else {
    shorten(first, "copy to the engine's memory failed");
  }
  if (finishing_ && writes_.empty()) progress_.fail_from(progress_.complete_blocks());
  publish();
  tell_if_ended(lock);
}

void TransferState::end_write(std::span<const std::uint32_t> layers, std::size_t first,
                              std::span<const std::uint8_t> good) {
  std::unique_lock lock(mutex_);
  forget_write(first + good.size());
  for (const std::uint32_t layer : layers) {
    for (std::size_t i = 0; i < good.size(); ++i) {
      if (good[i]) progress_.deliver(layer, first + i);
    }
  }
  if (finishing_ && writes_.empty()) progress_.fail_from(progress_.complete_blocks());
  publish();
  tell_if_ended(lock);
}

void TransferState::forget_write(std::size_t end) { writes_.erase(std::find(writes_.begin(), writes_.end(), end)); }

bool TransferState::writing_at_or_after(std::size_t block) const {
  return std::any_of(writes_.begin(), writes_.end(), [&](std::size_t end) { return end > block; });
}

void TransferState::shorten(std::size_t good, const std::string& reason) {
  if (good >= progress_.good()) return;
  progress_.fail_from(good);
  if (reason_.empty()) reason_ = reason;
}

void TransferState::publish() {
  if (visible_.done || writing_at_or_after(progress_.good())) return;
  // What is complete when the transfer ends may still grow by the writes under way.
  if (finishing_ && !writes_.empty()) return;
  visible_.good_blocks = progress_.good();
  visible_.layers_ready = progress_.layers_ready();
  visible_.reason = reason_;
  for (std::uint32_t layer = 0; layer < progress_.layers(); ++layer) {
    if (visible_layers_[layer] || !progress_.layer_ready(layer)) continue;
    visible_layers_[layer] = 1;
    completions_->push({Completion::Kind::kLayer, static_cast<std::uint64_t>(id_), layer, true});
  }
  if (finishing_ || progress_.finished()) {
    visible_.done = true;
    report_.total = std::chrono::steady_clock::now() - started_;
    const bool all = progress_.good() == progress_.blocks();
    completions_->push({Completion::Kind::kTransfer, static_cast<std::uint64_t>(id_), 0, all});
  }
  changed_.notify_all();
}

void TransferState::tell_if_ended(std::unique_lock<std::mutex>& lock) {
  if (!visible_.done || told_) return;
  told_ = true;
  const std::function<void()> call = std::move(on_ended_);
  lock.unlock();
  if (call) call();
}

void TransferState::fail_from(std::size_t block, const std::string& reason) {
  std::unique_lock lock(mutex_);
  shorten(block, reason);
  publish();
  tell_if_ended(lock);
}

void TransferState::finish(const std::string& reason, End end) {
  std::unique_lock lock(mutex_);
  if (visible_.done || finishing_) return;
  finishing_ = true;
  end_ = end;
  if (reason_.empty()) reason_ = reason;
  if (writes_.empty()) progress_.fail_from(progress_.complete_blocks());
  publish();
  tell_if_ended(lock);
}

bool TransferState::ended() const {
  std::lock_guard lock(mutex_);
  return finishing_ || visible_.done;
}

std::size_t TransferState::good() const {
  std::lock_guard lock(mutex_);
  return finishing_ ? 0 : progress_.good();
}

TransferStatus TransferState::status() const {
  std::lock_guard lock(mutex_);
  return visible_;
}

bool TransferState::layer_ready(std::uint32_t layer) const {
  std::lock_guard lock(mutex_);
  return layer < visible_layers_.size() && visible_layers_[layer] != 0;
}

std::vector<std::size_t> TransferState::failed_blocks() const {
  std::lock_guard lock(mutex_);
  std::vector<std::size_t> failed;
  for (std::size_t block = visible_.good_blocks; block < progress_.blocks(); ++block) failed.push_back(block);
  return failed;
}

TransferStatus TransferState::wait_layer(std::uint32_t layer, base::TimePoint deadline) {
  std::unique_lock lock(mutex_);
  const auto over = [&] { return visible_.done || (layer < visible_layers_.size() && visible_layers_[layer] != 0); };
  if (changed_.wait_until(lock, deadline, over)) return visible_;
  lock.unlock();
  cancel("deadline passed before layer " + std::to_string(layer) + " was there", End::kDeadline);
  return status();
}

TransferStatus TransferState::wait_done(base::TimePoint deadline) {
  std::unique_lock lock(mutex_);
  if (changed_.wait_until(lock, deadline, [&] { return visible_.done; })) return visible_;
  lock.unlock();
  cancel("deadline passed before the transfer was done", End::kDeadline);
  return status();
}

TransferState::End TransferState::end_kind() const {
  std::lock_guard lock(mutex_);
  return end_;
}

void TransferState::cancel(const std::string& reason, End end) {
  finish(reason, end);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return visible_.done && writes_.empty(); });
}

TransferReport TransferState::report() const {
  std::lock_guard lock(mutex_);
  return report_;
}

void TransferState::note_scatter(base::TimePoint submitted, base::TimePoint done, std::size_t local_bytes) {
  std::lock_guard lock(mutex_);
  // Copies of a region run one after the other: waiting behind an earlier one is not counted twice.
  report_.scatter += std::max(base::Duration::zero(), done - std::max(submitted, last_scatter_));
  last_scatter_ = done;
  report_.bytes_from_local += local_bytes;
}

void TransferState::update_report(const std::function<void(TransferReport&)>& update) {
  std::lock_guard lock(mutex_);
  update(report_);
}

}  // namespace kvp2p
