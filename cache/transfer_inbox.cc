#include "cache/transfer_inbox.h"

#include "base/spare_cores.h"
#include "cache/benchmark_only.h"
#include "codec/head_slice_codec.h"
#include "exchange/frame_packer.h"

#include <algorithm>

namespace kvp2p {

namespace {

/// What a fetch brings is checked and copied by the thread that it comes in on, while it is in that core's cache: of
/// all ways that costs least. But of a small fetch each connection brings a few frames, and it is over sooner if others
/// check them meanwhile, where there are cores to spare.
constexpr std::size_t kCheckedAsideBytesMax = 32u << 20;

}  // namespace

Delivery::~Delivery() {
  if (is_written) state->end_write({}, first, std::vector<std::uint8_t>(blocks, 0));
  if (claimed_in) claimed_in->give_up(*this);
  if (on_release) on_release();
}

class TransferInbox::Worker final : public FrameWorker {
 public:
  Worker(std::shared_ptr<TransferInbox> inbox, Part part)
      : inbox_(std::move(inbox)),
        part_(std::move(part)),
        is_left_to_others_(base::has_spare_cores() &&
                           (part_.end - part_.first) * inbox_->format().block_bytes() <= kCheckedAsideBytesMax) {}

  std::shared_ptr<FrameWork> work(ReceivedFrame& frame) override {
    if (is_left_to_others_) return nullptr;
    auto delivery = inbox_->accept(part_, frame);
    if (delivery) inbox_->process(delivery);
    return delivery;
  }

 private:
  const std::shared_ptr<TransferInbox> inbox_;
  const Part part_;
  const bool is_left_to_others_;
};

TransferInbox::TransferInbox(Target target, std::shared_ptr<TransferState> state)
    : target_(std::move(target)),
      state_(std::move(state)),
      claimed_(target_.format.shard.layers() * target_.slots.size(), 1),
      begun_by_(target_.slots.size(), 0) {}

std::shared_ptr<FrameWorker> TransferInbox::worker(Part part) {
  return std::make_shared<Worker>(shared_from_this(), std::move(part));
}

// What is wanted -----------------------------------------------------------------------------------------------------

void TransferInbox::want(std::uint32_t layer, std::size_t block) {
  std::lock_guard lock(mutex_);
  claimed(layer, block) = 0;
}

void TransferInbox::take(std::size_t block, std::uint32_t version) {
  std::lock_guard lock(mutex_);
  for (std::uint32_t layer = 0; layer < target_.format.shard.layers(); ++layer) claimed(layer, block) = 1;
  begun_by_[block] = version;
}

void TransferInbox::forget_version(std::size_t block) {
  std::lock_guard lock(mutex_);
  begun_by_[block] = 0;
}

void TransferInbox::open_gate() {
  std::lock_guard lock(mutex_);
  gate_open_ = true;
}

void TransferInbox::only_check() {
  std::lock_guard lock(mutex_);
  only_check_ = true;
}

// What comes ---------------------------------------------------------------------------------------------------------

bool TransferInbox::fits(const Part& part, const ReceivedFrame& frame) const {
  const ShardRange& shard = target_.format.shard;
  const std::size_t first = frame.first_block - part.peers_zero;
  if (frame.layer < shard.layer_begin || frame.layer >= shard.layer_end) return false;
  if (frame.layers == 0 || frame.layers > shard.layer_end - frame.layer) return false;
  if (first < part.first || first >= part.end) return false;
  if (frame.blocks == 0 || frame.blocks > part.end - first) return false;
  const std::size_t slices = std::size_t{frame.layers} * frame.blocks;
  return frame.payload.size() == slices * target_.format.layer_slice_bytes() &&
         frame.leaves.size() == slices * shard.heads();
}

std::shared_ptr<Delivery> TransferInbox::accept(const Part& part, ReceivedFrame& frame) {
  if (!fits(part, frame)) return nullptr;
  auto delivery = std::make_shared<Delivery>();
  delivery->layer = frame.layer - target_.format.shard.layer_begin;
  delivery->first = frame.first_block - part.peers_zero;
  delivery->blocks = frame.blocks;
  delivery->answer = part.answer;
  const std::size_t slices = std::size_t{frame.layers} * frame.blocks;
  delivery->slices.reserve(slices);
  const std::size_t good = state_->good();
  {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < slices; ++i) {
      const std::size_t block = delivery->block_of(i);
      const std::uint32_t version = (*part.versions)[block];
      std::uint8_t& claim = claimed(delivery->layer_of(i), block);
      // What was asked for again while it was on its way can come twice: the first counts. And a block is of one
      // computation: another peer's has other roundings.
      const bool same = version != 0 && (begun_by_[block] == 0 || begun_by_[block] == version);
      const bool wanted = block < good && claim == 0 && same;
      if (wanted) {
        claim = 1;
        begun_by_[block] = version;
      }
      delivery->slices.push_back(wanted ? frame.payload.data() + i * target_.format.layer_slice_bytes() : nullptr);
    }
  }
  delivery->claimed_in = shared_from_this();
  delivery->leaves = std::move(frame.leaves);
  delivery->frame.payload = frame.payload;
  delivery->frame.packed_bytes = frame.packed_bytes;
  delivery->frame.staging = std::move(frame.staging);
  return delivery;
}

void TransferInbox::give_up(const Delivery& delivery) {
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < delivery.slices.size(); ++i) {
    if (delivery.slices[i] != nullptr) claimed(delivery.layer_of(i), delivery.block_of(i)) = 0;
  }
}

void TransferInbox::process(const std::shared_ptr<Delivery>& delivery) {
  check(*delivery);
  write(delivery);
  delivery->is_processed = true;
}

bool TransferInbox::unpack(Delivery& delivery) const {
  const std::size_t packed_bytes = std::exchange(delivery.frame.packed_bytes, 0);
  return packed_bytes == 0 || unpack_frame(delivery.frame.payload, packed_bytes, target_.format);
}

void TransferInbox::check(Delivery& delivery) const {
  const auto start = std::chrono::steady_clock::now();
  const ObjectFormat& format = target_.format;
  const std::span<const ContentDigest> leaves = delivery.leaves;
  const std::uint32_t heads = format.shard.heads();
  delivery.good.reserve(delivery.slices.size());
  const bool is_unpacked = unpack(delivery);
  const bool trusts = benchmark_only::trust_without_digests.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < delivery.slices.size(); ++i) {
    const base::ConstBytes slice(delivery.slices[i], format.layer_slice_bytes());
    const bool is_there = is_unpacked && delivery.slices[i] != nullptr;
    delivery.good.push_back(
        is_there && (trusts || leaves_match(slice, format.head_slice_bytes(), leaves.subspan(i * heads, heads))) &&
        is_sound(CodedShape::of(format), slice));
  }
  delivery.verify_time = std::chrono::steady_clock::now() - start;
}

void TransferInbox::write(const std::shared_ptr<Delivery>& delivery) {
  const std::size_t slices = delivery->slices.size();
  if (std::find(delivery->good.begin(), delivery->good.end(), 0) != delivery->good.end()) return;
  {
    std::lock_guard lock(mutex_);
    if (!gate_open_ || only_check_) return;
  }
  const std::size_t writable = state_->begin_write(delivery->first, delivery->blocks);
  if (writable == 0) return;
  std::vector<SliceCopy> copies;
  copies.reserve(slices);
  for (std::size_t i = 0; i < slices; ++i) {
    // The connector reads it only.
    auto* host = const_cast<std::uint8_t*>(delivery->slices[i]);
    copies.push_back({target_.slots[delivery->block_of(i)], delivery->layer_of(i), host});
  }
  if (writable < delivery->blocks || !copy(delivery, std::move(copies))) {
    state_->end_write({}, delivery->first, std::vector<std::uint8_t>(writable, 0));
  }
}

bool TransferInbox::copy(const std::shared_ptr<Delivery>& delivery, std::vector<SliceCopy> copies) {
  if (target_.connector->is_device()) {
    copy_by_device(delivery, std::move(copies));
    return true;
  }
  const auto begun = std::chrono::steady_clock::now();
  if (!target_.connector->scatter_now(target_.region, copies)) return false;
  delivery->is_written = true;
  delivery->state = state_;
  delivery->words_to_come = 1;
  delivery->frame.staging = {};
  state_->note_scatter(begun, std::chrono::steady_clock::now(), local_bytes(*delivery));
  return true;
}

void TransferInbox::copy_by_device(const std::shared_ptr<Delivery>& delivery, std::vector<SliceCopy> copies) {
  delivery->is_written = true;
  delivery->state = state_;
  delivery->words_to_come = 2;
  auto done = [delivery, bytes = local_bytes(*delivery),
               begun = std::chrono::steady_clock::now()](base::Result<> outcome) {
    delivery->state->note_scatter(begun, std::chrono::steady_clock::now(), bytes);
    if (!outcome) delivery->is_copied = false;
    finish(*delivery);
  };
  target_.connector->scatter(target_.region, std::move(copies), {nullptr, target_.ready}, std::move(done));
}

void TransferInbox::finish(Delivery& delivery) {
  if (delivery.words_to_come.fetch_sub(1) > 1) return;
  delivery.is_written = false;
  delivery.state->end_write(delivery.layer, delivery.layers(), delivery.first, delivery.blocks, delivery.is_copied);
}

std::size_t TransferInbox::local_bytes(const Delivery& delivery) const {
  return delivery.answer == nullptr ? delivery.slices.size() * target_.format.layer_slice_bytes() : 0;
}

}  // namespace kvp2p
