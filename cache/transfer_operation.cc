#include "cache/transfer_operation.h"

#include "base/log.h"
#include "cache/transfer_fetch.h"
#include "cache/worker_pool.h"

#include <boost/asio/post.hpp>

namespace kvp2p {

namespace {

/// One step of local work, and steps under way: enough to keep the copy thread busy, little to wait for on cancel.
constexpr std::size_t kLocalStepBytes = 4u << 20;
constexpr std::size_t kLocalStepsInFlight = 4;

}  // namespace

TransferOperation::TransferOperation(CacheContext& context, TransferPlan plan, std::shared_ptr<TransferState> state)
    : context_(context),
      plan_(std::move(plan)),
      state_(std::move(state)),
      inbox_(std::make_shared<TransferInbox>(
          TransferInbox::Target{context.connector, plan_.region, plan_.format, plan_.slots, plan_.ready.device},
          state_)),
      schedule_(plan_.slots.size(), plan_.format.shard.layers(), plan_.format.layer_slice_bytes(),
                context.fetch_limits),
      schedule_layer_(plan_.format.shard.layers()),
      leaves_(plan_.slots.size()),
      layers_to_come_(plan_.slots.size(), plan_.format.shard.layers()),
      brought_by_(plan_.slots.size()),
      given_back_(plan_.slots.size(), 0),
      not_in_place_(plan_.slots.size(), 0) {
  for (std::uint32_t i = 0; i < plan_.layer_order.size(); ++i) schedule_layer_[plan_.layer_order[i]] = i;
}

TransferOperation::~TransferOperation() = default;

void TransferOperation::start() {
  if (state_->ended()) return;
  deadline_ = context_.clock->call_at(plan_.deadline, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->on_deadline();
  });
  if (!plan_.ready.host) {
    gate_open_ = true;
    inbox_->open_gate();
  } else {
    plan_.ready.host->when_signalled([weak = weak_from_this(), executor = context_.executor] {
      boost::asio::post(executor, [weak] {
        if (auto self = weak.lock()) self->open_gate();
      });
    });
  }
  want_planned_blocks();
  pump_peers();
  pump_local();
}

void TransferOperation::end() {
  if (ended_) return;
  ended_ = true;
  deadline_.reset();
  late_timer_.reset();
  gated_.clear();
  for (const auto& copy : std::exchange(gated_direct_, {})) copy->give_up();
  schedule_.end_flows();
  take_samples();
  if (used_sources_.size() > 1) ++context_.counters.transfers_of_many;
  if (!used_sources_.empty() && context_.link->exchange != nullptr) {
    const base::Duration time = context_.link->exchange->stats().deserialise_time - deserialise_before_;
    state_->update_report([time](TransferReport& report) { report.deserialise = time; });
  }
  if (state_->end_kind() == TransferState::End::kDeadline) {
    for (const auto& fetch : fetches_) {
      if (!fetch->ended()) context_.suspects.add(fetch->answer().lease->peer());
    }
  }
  fetches_.clear();
  praise_sources();
  try_strangers();
  const TransferStatus status = state_->status();
  if (status.good_blocks == blocks()) return;
  ++context_.counters.transfers_short;
  context_.counters.blocks_failed += blocks() - status.good_blocks;
  if (state_->end_kind() == TransferState::End::kCancelled) return;
  LOG_WARN("{} of {} blocks arrived, the rest is to be recomputed: {}", status.good_blocks, blocks(), status.reason);
}

void TransferOperation::on_deadline() { state_->finish("deadline passed", TransferState::End::kDeadline); }

// From this node
// ---------------------------------------------------------------------------------------------------------

std::shared_ptr<Delivery> TransferOperation::next_local() {
  const auto is_local = [this](std::size_t block) {
    return plan_.match->sources[plan_.first_block + block] == kLocalSource;
  };
  const std::size_t blocks_max = std::max<std::size_t>(1, kLocalStepBytes / plan_.format.layer_slice_bytes());
  const ShardRange& wanted = plan_.format.shard;
  for (; local_layer_ < plan_.layer_order.size(); ++local_layer_, local_block_ = 0) {
    while (local_block_ < blocks() && !is_local(local_block_)) ++local_block_;
    if (local_block_ >= std::min(blocks(), state_->good())) continue;
    auto delivery = std::make_shared<Delivery>();
    delivery->layer = plan_.layer_order[local_layer_];
    delivery->first = local_block_;
    for (; local_block_ < blocks() && is_local(local_block_) && delivery->slices.size() < blocks_max; ++local_block_) {
      const auto& pin = plan_.match->local[plan_.first_block + local_block_];
      const StoredBlock& stored = **pin;
      const ShardRange& held = stored.format.shard;
      const std::uint32_t layer = wanted.layer_begin + delivery->layer - held.layer_begin;
      const std::uint32_t head = wanted.head_begin - held.head_begin;
      delivery->slices.push_back(stored.bytes.get() + layer * stored.format.layer_slice_bytes() +
                                 head * stored.format.head_slice_bytes());
      const auto leaves = stored.leaves.begin() + layer * held.heads() + head;
      delivery->leaves.insert(delivery->leaves.end(), leaves, leaves + wanted.heads());
      delivery->pins.push_back(pin);
    }
    delivery->blocks = delivery->slices.size();
    delivery->on_release = [weak = weak_from_this(), executor = context_.executor] {
      boost::asio::post(executor, [weak] {
        auto self = weak.lock();
        if (!self) return;
        --self->local_in_flight_;
        self->pump_local();
      });
    };
    return delivery;
  }
  return nullptr;
}

void TransferOperation::pump_local() {
  while (!state_->ended() && local_in_flight_ < kLocalStepsInFlight) {
    std::shared_ptr<Delivery> delivery = next_local();
    if (!delivery) return;
    ++local_in_flight_;
    process(std::move(delivery));
  }
}

// Stages -------------------------------------------------------------------------------------------------------------

void TransferOperation::process(std::shared_ptr<Delivery> delivery) {
  context_.workers->post([self = shared_from_this(), executor = context_.executor, delivery] {
    self->inbox_->process(delivery);
    boost::asio::post(executor, [self, delivery] { self->on_processed(delivery); });
  });
}

void TransferOperation::on_processed(std::shared_ptr<Delivery> delivery) {
  if (ended_ || state_->ended()) return;
  state_->update_report([&](TransferReport& report) { report.verify += delivery->verify_time; });
  if (delivery->is_written) return finish_write(*delivery);
  enum class Fate : std::uint8_t { kUnwanted, kGood, kInPlace, kCorrupt, kWrongBlock };
  const std::size_t count = delivery->slices.size();
  const auto fate_of = [&](std::size_t i) {
    if (delivery->slices[i] == nullptr) return Fate::kUnwanted;
    if (!delivery->good[i]) return Fate::kCorrupt;
    if (!root_fits(*delivery, i)) return Fate::kWrongBlock;
    return in_place(delivery->layer_of(i), delivery->block_of(i)) ? Fate::kInPlace : Fate::kGood;
  };
  std::vector<Fate> fates;
  for (std::size_t i = 0; i < count; ++i) fates.push_back(fate_of(i));
  for (std::size_t begin = 0, end = 0; begin < count; begin = end) {
    const std::size_t end_of_layer = (begin / delivery->blocks + 1) * delivery->blocks;
    while (end < end_of_layer && fates[end] == fates[begin]) ++end;
    if (fates[begin] == Fate::kGood) scatter(delivery, begin, end - begin);
    if (fates[begin] == Fate::kInPlace) compare(delivery, begin, end - begin);
    if (fates[begin] == Fate::kCorrupt) on_corrupt(*delivery, begin, end - begin);
  }
}

void TransferOperation::finish_write(Delivery& delivery) {
  const std::size_t count = delivery.slices.size();
  for (std::size_t i = 0; i < count; ++i) root_fits(delivery, i);
  if (delivery.answer == nullptr) context_.counters.bytes_from_local += count * plan_.format.layer_slice_bytes();
  TransferInbox::finish(delivery);
}

void TransferOperation::want(std::uint32_t layer, std::size_t block) {
  inbox_->want(layer, block);
  schedule_.want(schedule_layer_[layer], block);
}

bool TransferOperation::root_fits(const Delivery& delivery, std::size_t index) {
  if (delivery.answer == nullptr) return true;
  const std::size_t block = delivery.block_of(index);
  const std::uint32_t heads = plan_.format.shard.heads();
  auto& leaves = leaves_[block];
  leaves.resize(plan_.format.leaf_count());
  std::copy_n(delivery.leaves.begin() + index * heads, heads, leaves.begin() + delivery.layer_of(index) * heads);
  brought_by_[block].set(source_of(delivery.answer));
  if (--layers_to_come_[block] > 0) return true;
  const auto& root = delivery.answer->root_of_block(plan_.first_block + block);
  if (!root) return true;
  if (root_of(leaves) == *root) {
    proven_sources_ |= brought_by_[block];
    good_block_ = block;
    return true;
  }
  blame_for_wrong_block(block);
  ++context_.counters.frames_corrupt;
  const std::string source = name_of_source(delivery);
  if (log_first(delivery.answer, "another block")) {
    LOG_WARN("block {} from {}: its parts do not make up the block that was looked up", block, source);
  }
  fail_from(block, source + " sent another block than was looked up");
  return false;
}

std::string TransferOperation::name_of_source(const Delivery& delivery) const {
  return delivery.answer ? "peer " + delivery.answer->lease->peer().to_text() : "the local store";
}

void TransferOperation::on_corrupt(const Delivery& delivery, std::size_t index, std::size_t count) {
  const std::size_t block = delivery.block_of(index);
  const std::uint32_t layer = delivery.layer_of(index);
  context_.counters.frames_corrupt += count;
  const std::string source = name_of_source(delivery);
  if (block < state_->good() && log_first(delivery.answer, "corrupt")) {
    LOG_WARN("block {} layer {} from {}: bytes do not match their digest or are no sound code, not used", block, layer,
             source);
  }
  const std::string reason = source + " sent corrupt bytes";
  if (delivery.answer == nullptr) {
    for (std::size_t i = 0; i < count; ++i) give_up_local(layer, block + i, reason);
    return pump_peers();
  }
  for (std::size_t i = 0; i < count; ++i) want(layer, block + i);
  blame_for_wrong_bytes(source_of(delivery.answer));
  give_up(source_of(delivery.answer), block, block + count, reason);
}

bool TransferOperation::log_first(const PeerAnswer* answer, const char* what) {
  return answer == nullptr || context_.logged.first(answer->lease->peer(), what);
}

void TransferOperation::open_gate() {
  gate_open_ = true;
  inbox_->open_gate();
  std::deque<Gated> waiting;
  waiting.swap(gated_);
  for (const Gated& gated : waiting) scatter(gated.delivery, gated.first_index, gated.count);
  for (const auto& copy : std::exchange(gated_direct_, {})) copy->start();
}

void TransferOperation::scatter(const std::shared_ptr<Delivery>& delivery, std::size_t first_index, std::size_t count) {
  if (!gate_open_) {
    gated_.push_back({delivery, first_index, count});
    return;
  }
  const std::size_t first = delivery->block_of(first_index);
  const std::uint32_t layer = delivery->layer_of(first_index);
  const std::size_t writable = state_->begin_write(first, count);
  if (writable == 0) return;
  std::vector<SliceCopy> copies;
  copies.reserve(writable);
  for (std::size_t i = 0; i < writable; ++i) {
    // The connector reads it only.
    auto* host = const_cast<std::uint8_t*>(delivery->slices[first_index + i]);
    copies.push_back({plan_.slots[first + i], layer, host});
  }
  const std::size_t local_bytes = delivery->answer ? 0 : writable * plan_.format.layer_slice_bytes();
  context_.counters.bytes_from_local += local_bytes;
  auto done = [state = state_, delivery, layer, first, writable, local_bytes,
               submitted = std::chrono::steady_clock::now()](base::Result<> outcome) {
    state->note_scatter(submitted, std::chrono::steady_clock::now(), local_bytes);
    state->end_write(layer, 1, first, writable, outcome.has_value());
  };
  ReadyEvent device_only;
  device_only.device = plan_.ready.device;
  context_.connector->scatter(plan_.region, std::move(copies), device_only, std::move(done));
}

}  // namespace kvp2p
