#include "cache/put_operation.h"

#include "base/log.h"
#include "cache/local_block_set.h"
#include "codec/head_slice_codec.h"

#include <boost/asio/post.hpp>

namespace kvp2p {

PutOperation::PutOperation(CacheContext& context, std::shared_ptr<PutState> state, PutRequest request,
                           const ObjectFormat& format)
    : context_(context), state_(std::move(state)), request_(std::move(request)), format_(format) {}

void PutOperation::start(std::function<void()> on_end) {
  on_end_ = std::move(on_end);
  // The connector never gets an event that may be signalled late: it would hold up the region's other copies.
  if (!request_.ready.host) {
    ready_ = true;
    pump();
    return;
  }
  request_.ready.host->when_signalled([weak = weak_from_this(), executor = context_.executor] {
    boost::asio::post(executor, [weak] {
      auto self = weak.lock();
      if (!self) return;
      self->ready_ = true;
      self->pump();
    });
  });
}

void PutOperation::drop_rest() {
  drop(request_.keys.size() - next_);
  next_ = request_.keys.size();
  check_end();
}

void PutOperation::drop(std::size_t blocks) {
  if (blocks == 0) return;
  context_.counters.blocks_dropped += blocks;
  state_->update_report([blocks](PutReport& report) { report.blocks_dropped += blocks; });
}

void PutOperation::pump() {
  while (ready_ && next_ < request_.keys.size() && gathering_ + digesting_ < kPutBatchesInFlight) {
    std::shared_ptr<Batch> batch = next_batch();
    if (!batch->keys.empty()) gather(std::move(batch));
  }
  check_end();
}

std::shared_ptr<PutOperation::Batch> PutOperation::next_batch() {
  auto batch = std::make_shared<Batch>();
  const std::size_t blocks_max = std::max<std::size_t>(1, kPutBatchBytes / format_.block_bytes());
  while (next_ < request_.keys.size() && batch->keys.size() < blocks_max) {
    const BlockKey& key = request_.keys[next_];
    if (BlockPin there = context_.local->store().find(key, format_)) {
      pins_.push_back(std::move(there));
      state_->update_report([](PutReport& report) { ++report.blocks_published; });
      ++next_;
      continue;
    }
    auto room = context_.local->store().reserve(format_);
    if (!room) {
      drop(request_.keys.size() - next_);
      next_ = request_.keys.size();
      break;
    }
    batch->keys.push_back(key);
    batch->slots.push_back(request_.slots[next_]);
    batch->blocks.push_back(std::move(*room));
    ++next_;
  }
  return batch;
}

void PutOperation::gather(std::shared_ptr<Batch> batch) {
  ++gathering_;
  std::vector<SliceCopy> copies;
  copies.reserve(batch->keys.size() * format_.shard.layers());
  for (std::size_t i = 0; i < batch->keys.size(); ++i) {
    for (std::uint32_t layer = 0; layer < format_.shard.layers(); ++layer) {
      copies.push_back({batch->slots[i], layer, batch->blocks[i].bytes() + layer * format_.layer_slice_bytes()});
    }
  }
  batch->submitted = std::chrono::steady_clock::now();
  auto done = [self = shared_from_this(), executor = context_.executor, batch](base::Result<> outcome) {
    const base::TimePoint when = std::chrono::steady_clock::now();
    boost::asio::post(executor, [self, batch, outcome, when] { self->on_gathered(batch, outcome, when); });
  };
  ReadyEvent device_only;
  device_only.device = request_.ready.device;
  context_.connector->gather(request_.region, std::move(copies), device_only, std::move(done));
}

void PutOperation::on_gathered(std::shared_ptr<Batch> batch, base::Result<> outcome, base::TimePoint when) {
  --gathering_;
  // Copies of a region run one after the other: waiting behind an earlier one is not counted twice.
  const base::Duration time = when - std::max(batch->submitted, last_gathered_);
  last_gathered_ = when;
  if (!outcome) {
    LOG_WARN("put: {} blocks dropped: {}", batch->keys.size(), outcome.error().message());
    drop(batch->keys.size());
    drop_rest();
    return;
  }
  const std::size_t bytes = batch->keys.size() * format_.block_bytes();
  state_->update_report([&](PutReport& report) {
    report.gather += time;
    report.bytes += bytes;
  });
  digest(std::move(batch));
  check_end();
}

void PutOperation::digest(std::shared_ptr<Batch> batch) {
  ++digesting_;
  context_.workers->post([self = shared_from_this(), executor = context_.executor, batch, format = format_] {
    const auto start = std::chrono::steady_clock::now();
    for (const BlockReservation& block : batch->blocks) {
      auto& leaves = batch->leaves.emplace_back(format.leaf_count());
      compute_leaves({block.bytes(), format.block_bytes()}, format.head_slice_bytes(), leaves);
      batch->sound.push_back(is_sound(CodedShape::of(format), {block.bytes(), format.block_bytes()}));
    }
    const base::Duration time = std::chrono::steady_clock::now() - start;
    boost::asio::post(executor, [self, batch, time] { self->on_digested(batch, time); });
  });
}

void PutOperation::on_digested(const std::shared_ptr<Batch>& batch, base::Duration time) {
  --digesting_;
  std::size_t published = 0;
  for (std::size_t i = 0; i < batch->keys.size(); ++i) {
    if (!batch->sound[i]) continue;
    ++published;
    context_.local->commit(request_.fingerprint, std::move(batch->blocks[i]), batch->keys[i],
                           std::move(batch->leaves[i]));
    if (BlockPin pin = context_.local->store().find(batch->keys[i], format_)) pins_.push_back(std::move(pin));
  }
  if (const std::size_t unsound = batch->keys.size() - published; unsound > 0) {
    LOG_WARN("put: {} blocks dropped: they have values that {} cannot code", unsound, name_of(format_.codec));
    drop(unsound);
  }
  context_.counters.blocks_published += published;
  state_->update_report([&](PutReport& report) {
    report.digest += time;
    report.blocks_published += published;
  });
  pump();
}

void PutOperation::check_end() {
  if (ended_ || next_ < request_.keys.size() || gathering_ > 0) return;
  state_->release_source();
  if (digesting_ > 0) return;
  ended_ = true;
  // Newest last, so that the store keeps the beginning longest.
  while (!pins_.empty()) pins_.pop_back();
  state_->publish();
  if (on_end_) on_end_();
}

}  // namespace kvp2p
