#include "cache/stranger_trial.h"

#include "cache/source_conduct.h"
#include "exchange/exchange_error.h"
#include "exchange/frame_packer.h"

#include <boost/asio/post.hpp>

namespace kvp2p {

namespace {

/// Nobody waits for it: who is slow is not tried longer.
constexpr base::Duration kTrialTime = std::chrono::seconds(2);

}  // namespace

StrangerTrial::StrangerTrial(CacheContext& context, Slice slice,
                             std::deque<std::shared_ptr<const PeerAnswer>> strangers)
    : context_(context), slice_(std::move(slice)), strangers_(std::move(strangers)) {
  if (strangers_.size() > kStrangersMax) strangers_.resize(kStrangersMax);
}

void StrangerTrial::go_on() {
  fetch_.reset();
  answer_.reset();
  if (strangers_.empty() || context_.link->exchange == nullptr) return;
  answer_ = std::move(strangers_.front());
  strangers_.pop_front();
  is_judged_ = false;
  FetchRequest request;
  request.peer = answer_->lease->peer();
  request.lease = answer_->lease->token();
  request.format = slice_.format;
  request.first_block = static_cast<std::uint32_t>(slice_.block - answer_->holding.first);
  request.blocks = 1;
  request.layers = {slice_.format.shard.layer_begin + slice_.layer};
  request.head_begin = slice_.format.shard.head_begin;
  request.head_end = slice_.format.shard.head_end;
  ++context_.counters.strangers_tried;
  fetch_ = context_.link->exchange->fetch(std::move(request), *this, context_.clock->now() + kTrialTime);
}

void StrangerTrial::on_frame(ReceivedFrame frame) {
  if (std::exchange(is_judged_, true)) return;
  is_what_was_asked_for(frame) ? note_good_block(context_, *answer_) : note_wrong_bytes(context_, *answer_);
}

void StrangerTrial::on_gone(std::uint32_t, std::uint32_t) {
  if (!std::exchange(is_judged_, true)) note_refusal(context_, *answer_, slice_.block);
}

void StrangerTrial::on_end(base::Result<> outcome) {
  if (!is_judged_) {
    if (!outcome && outcome.error() == ExchangeError::kTimeout) context_.suspects.add(answer_->lease->peer());
    if (is_refusal(outcome)) note_refusal(context_, *answer_, slice_.block);
  }
  // Not from inside the fetch's own call.
  boost::asio::post(context_.executor, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->go_on();
  });
}

bool StrangerTrial::is_what_was_asked_for(ReceivedFrame& frame) const {
  const std::size_t head_bytes = slice_.format.head_slice_bytes();
  if (frame.layer != slice_.format.shard.layer_begin + slice_.layer || frame.blocks != 1 ||
      frame.first_block != slice_.block - answer_->holding.first ||
      frame.payload.size() != slice_.leaves.size() * head_bytes) {
    return false;
  }
  if (frame.packed_bytes > 0 && !unpack_frame(frame.payload, frame.packed_bytes, slice_.format)) return false;
  return leaves_match(frame.payload, head_bytes, slice_.leaves);
}

}  // namespace kvp2p
