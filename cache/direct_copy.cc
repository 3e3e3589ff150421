#include "cache/direct_copy.h"

#include <algorithm>

namespace kvp2p {

void DirectCopy::start() {
  started_ = std::chrono::steady_clock::now();
  std::string failure;
  if (auto mark = plan_.from->begin_read()) {
    mark_ = std::move(*mark);
    // Saves the copy; what decides is the check after it.
    const std::vector<bool> unchanged = plan_.from->are_unchanged(plan_.from_slots);
    stale_blocks_ = static_cast<std::size_t>(std::count(unchanged.begin(), unchanged.end(), false));
    if (stale_blocks_ > 0) failure = "the owner has taken blocks back";
  } else {
    failure = "the owner is gone, has taken its memory back, or serves too many reads";
  }
  if (!failure.empty()) {
    std::lock_guard lock(mutex_);
    failure_ = std::move(failure);
    stopped_ = true;
  }
  go_on();
}

void DirectCopy::give_up() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  end_if_idle();
}

void DirectCopy::go_on() {
  Step step;
  while (take_step(step)) copy(step);
  end_if_idle();
}

bool DirectCopy::take_step(Step& step) {
  std::lock_guard lock(mutex_);
  if (stopped_ || next_layer_ == plan_.layers.size() || steps_in_flight_ >= kDirectStepsInFlight) return false;
  // What has failed is not written again, and what is good never becomes more.
  step.blocks = plan_.state->begin_write(plan_.first, blocks());
  if (step.blocks == 0) {
    stopped_ = true;
    return false;
  }
  const std::size_t layer_bytes = step.blocks * plan_.layer_slice_bytes;
  step.first_layer = next_layer_;
  step.layers = std::clamp<std::size_t>(plan_.step_bytes / layer_bytes, 1, plan_.layers.size() - next_layer_);
  next_layer_ += step.layers;
  ++steps_in_flight_;
  return true;
}

void DirectCopy::copy(const Step& step) {
  std::vector<IndexPair> slots;
  slots.reserve(step.blocks);
  for (std::size_t i = 0; i < step.blocks; ++i) slots.push_back({plan_.from_slots[i].slot, plan_.to_slots[i]});
  const auto first = plan_.layers.begin() + static_cast<std::ptrdiff_t>(step.first_layer);
  std::vector<IndexPair> layers(first, first + static_cast<std::ptrdiff_t>(step.layers));
  ReadyEvent ready;
  ready.device = plan_.ready;
  plan_.connector->copy_direct(
      plan_.from->import_id(), plan_.to, std::move(slots), std::move(layers), ready,
      [self = shared_from_this(), step](base::Result<> outcome) { self->on_copied(step, outcome); });
}

void DirectCopy::on_copied(const Step& step, base::Result<> outcome) {
  std::vector<std::uint8_t> good(step.blocks, 0);
  std::size_t unchanged = 0;
  if (outcome) {
    const auto is_good = plan_.from->are_unchanged(std::span(plan_.from_slots).first(step.blocks));
    good.assign(is_good.begin(), is_good.end());
    unchanged = static_cast<std::size_t>(std::count(good.begin(), good.end(), 1));
  }
  const std::size_t bytes = unchanged * step.layers * plan_.layer_slice_bytes;
  if (bytes > 0) {
    plan_.state->update_report([&](TransferReport& report) {
      report.bytes_direct += bytes;
      report.direct = std::chrono::steady_clock::now() - started_;
      add_path(report, std::string("direct, ") + to_text(plan_.from->link()));
    });
  }
  std::vector<std::uint32_t> layers;
  layers.reserve(step.layers);
  for (std::size_t i = 0; i < step.layers; ++i) layers.push_back(plan_.layers[step.first_layer + i].to);
  plan_.state->end_write(layers, plan_.first, good);
  {
    std::lock_guard lock(mutex_);
    --steps_in_flight_;
    ++threads_;
    bytes_ += bytes;
    time_ = std::chrono::steady_clock::now() - started_;
    if (unchanged < step.blocks) note_failure(step, good, outcome);
  }
  go_on();
}

void DirectCopy::note_failure(const Step& step, const std::vector<std::uint8_t>& good, const base::Result<>& outcome) {
  stopped_ = true;
  for (std::size_t layer = 0; layer < step.layers; ++layer) {
    for (std::size_t i = 0; i < step.blocks; ++i) {
      if (!good[i]) missing_.push_back({plan_.layers[step.first_layer + layer].to, plan_.first + i});
    }
  }
  if (!failure_.empty()) return;
  if (!outcome) {
    failure_ = "the copy failed: " + outcome.error().message();
  } else if (!plan_.from->begin_read()) {
    failure_ = "the owner is gone or has taken its memory back";
  } else {
    stale_blocks_ = static_cast<std::size_t>(std::count(good.begin(), good.end(), 0));
    failure_ = "the owner took blocks back during the copy";
  }
}

void DirectCopy::end_if_idle() {
  std::function<void()> ended;
  {
    std::lock_guard lock(mutex_);
    if (--threads_ > 0 || steps_in_flight_ > 0) return;
    for (; next_layer_ < plan_.layers.size(); ++next_layer_) {
      for (std::size_t i = 0; i < blocks(); ++i) {
        missing_.push_back({plan_.layers[next_layer_].to, plan_.first + i});
      }
    }
    mark_ = ReadMark();
    ended = std::exchange(ended_, nullptr);
  }
  ended();
}

}  // namespace kvp2p
