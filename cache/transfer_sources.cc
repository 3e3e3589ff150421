// Where a transfer's blocks come from: peers' memory in place, peers' streams, other peers when one fails.
#include "base/log.h"
#include "cache/transfer_fetch.h"

#include <boost/asio/post.hpp>

namespace kvp2p {

void TransferOperation::start_planned_fetches() {
  fetch_started_ = std::chrono::steady_clock::now();
  std::size_t block = 0;
  while (block < blocks()) {
    const int source = plan_.match->sources[plan_.first_block + block];
    std::size_t end = block;
    while (end < blocks() && plan_.match->sources[plan_.first_block + end] == source) ++end;
    if (source > kLocalSource) start_source(plan_.match->answers[source - 1], block, end);
    block = end;
  }
}

void TransferOperation::start_source(const std::shared_ptr<const PeerAnswer>& answer, std::size_t first,
                                     std::size_t end) {
  // What goes over the network is asked for in runs as long as can be.
  std::size_t staged = first;
  for (std::size_t block = first; block < end;) {
    DirectRun run = find_direct_run(context_.direct, plan_, *answer, block, end);
    for (std::size_t b = block; b < run.end && run.region; ++b) {
      if (!is_untouched(b)) {
        run.region = nullptr;
        run.why_not = "some of their layers came another way";
      }
    }
    if (run.region) {
      if (staged < block) start_fetch(answer, staged, block);
      start_direct(answer, std::move(run.region), block, run.end);
      staged = run.end;
    } else {
      note_staged(*answer, run.why_not);
    }
    block = run.end;
  }
  if (staged < end) start_fetch(answer, staged, end);
}

void TransferOperation::note_staged(const PeerAnswer& answer, const std::string& why) {
  state_->update_report([&](TransferReport& report) { add_path(report, "staged: " + why); });
  const multiformats::PeerId& peer = answer.lease->peer();
  if (context_.direct.client != nullptr && context_.logged.first(peer, "staged: " + why)) {
    LOG_INFO("blocks of peer {} come by the normal path, not the direct one: {}", peer.to_text(), why);
  }
}

void TransferOperation::start_direct(const std::shared_ptr<const PeerAnswer>& answer,
                                     std::shared_ptr<PeerRegion> region, std::size_t first, std::size_t end) {
  for (std::size_t block = first; block < end; ++block) {
    for (std::uint32_t layer = 0; layer < plan_.format.shard.layers(); ++layer) claim(layer, block, true);
    begun_by_[block] = answer.get();
  }
  auto holder = std::make_shared<std::shared_ptr<DirectCopy>>();
  // The copy holds the operation until it has ended; on the node thread both let go.
  auto ended = [self = shared_from_this(), executor = context_.executor, answer, holder]() mutable {
    boost::asio::post(executor, [self = std::move(self), answer = std::move(answer), copy = std::move(*holder)] {
      self->on_direct_end(answer, *copy);
    });
  };
  auto plan = plan_direct_copy(context_, plan_, state_, *answer, std::move(region), first, end);
  *holder = std::make_shared<DirectCopy>(std::move(plan), std::move(ended));
  ++context_.direct_copies;
  if (gate_open_) {
    (*holder)->start();
  } else {
    gated_direct_.push_back(*holder);
  }
}

void TransferOperation::on_direct_end(const std::shared_ptr<const PeerAnswer>& answer, DirectCopy& copy) {
  copy.release_region();
  --context_.direct_copies;
  context_.counters.direct_bytes += copy.bytes();
  context_.counters.direct_stale_blocks += copy.stale_blocks();
  if (copy.bytes() > 0 && !std::exchange(had_direct_, true)) ++context_.counters.direct_transfers;
  if (!copy.failure().empty()) ++context_.counters.direct_fallbacks;
  if (ended_ || state_->ended() || copy.missing().empty()) return;
  note_staged(*answer, copy.failure());
  std::size_t first = blocks(), end = 0;
  reopen(*answer, copy);
  for (const DirectCopy::Missing& missing : copy.missing()) {
    first = std::min(first, missing.block);
    end = std::max(end, missing.block + 1);
  }
  // The peer knows best what it still has: what is gone it says at once.
  end = std::min(end, state_->good());
  if (first < end) start_fetch(answer, first, end);
}

bool TransferOperation::is_untouched(std::size_t block) const {
  for (std::uint32_t layer = 0; layer < plan_.format.shard.layers(); ++layer) {
    if (is_claimed(layer, block)) return false;
  }
  return true;
}

void TransferOperation::start_fetch(std::shared_ptr<const PeerAnswer> answer, std::size_t first, std::size_t end) {
  Exchange* exchange = context_.link->exchange;
  if (exchange == nullptr) {
    state_->fail_from(first, "the node is stopping");
    return;
  }
  if (fetches_.empty()) deserialise_before_ = exchange->stats().deserialise_time;
  FetchRequest request;
  request.peer = answer->lease->peer();
  request.lease = answer->lease->token();
  request.format = plan_.format;
  request.first_block = static_cast<std::uint32_t>(plan_.first_block + first - answer->holding.first);
  request.blocks = static_cast<std::uint32_t>(end - first);
  request.head_begin = plan_.format.shard.head_begin;
  request.head_end = plan_.format.shard.head_end;
  for (const std::uint32_t layer : plan_.layer_order) {
    bool missing = false;
    for (std::size_t block = first; block < end; ++block) missing = missing || !is_claimed(layer, block);
    if (missing) request.layers.push_back(plan_.format.shard.layer_begin + layer);
  }
  auto& fetch = fetches_.emplace_back(std::make_unique<PeerFetch>(*this, std::move(answer), first, end));
  fetch->start(*exchange, std::move(request), plan_.deadline);
}

std::size_t TransferOperation::block_of(const PeerFetch& fetch, std::uint32_t peers_number) const {
  return peers_number + fetch.answer().holding.first - plan_.first_block;
}

bool TransferOperation::in_bounds(const PeerFetch& fetch, const ReceivedFrame& frame) const {
  const ObjectFormat& format = plan_.format;
  const std::size_t first = block_of(fetch, frame.first_block);
  if (frame.layer < format.shard.layer_begin || frame.layer >= format.shard.layer_end) return false;
  if (first < fetch.first() || first >= fetch.last()) return false;
  if (frame.blocks == 0 || frame.blocks > fetch.last() - first) return false;
  return frame.payload.size() == frame.blocks * format.layer_slice_bytes() &&
         frame.leaves.size() == std::size_t{frame.blocks} * format.shard.heads();
}

void TransferOperation::on_frame(PeerFetch& fetch, ReceivedFrame frame) {
  if (ended_ || state_->ended()) return;
  if (!in_bounds(fetch, frame)) {
    on_fetch_end(fetch, ExchangeError::kProtocolBroken);
    return;
  }
  const std::size_t bytes = frame.payload.size();
  context_.counters.bytes_from_peers += bytes;
  state_->update_report([&](TransferReport& report) {
    report.bytes_from_peers += bytes;
    report.network = std::chrono::steady_clock::now() - fetch_started_;
  });
  auto delivery = std::make_shared<Delivery>();
  delivery->layer = frame.layer - plan_.format.shard.layer_begin;
  delivery->first = block_of(fetch, frame.first_block);
  delivery->answer = &fetch.answer();
  const std::size_t good = state_->good();
  bool any = false;
  for (std::size_t i = 0; i < frame.blocks; ++i) {
    const std::size_t block = delivery->first + i;
    // What was asked for again while it was on its way can come twice: the first counts.
    const bool wanted = block < good && !is_claimed(delivery->layer, block);
    if (wanted) {
      claim(delivery->layer, block, true);
      if (begun_by_[block] == nullptr) begun_by_[block] = delivery->answer;
    }
    delivery->slices.push_back(wanted ? frame.payload.data() + i * plan_.format.layer_slice_bytes() : nullptr);
    any = any || wanted;
  }
  if (!any) return;
  delivery->leaves = std::move(frame.leaves);
  delivery->frame = std::move(frame);
  verify(std::move(delivery));
}

void TransferOperation::on_gone(PeerFetch& fetch, std::uint32_t first, std::uint32_t count) {
  if (ended_ || state_->ended()) return;
  const std::size_t begin = block_of(fetch, first);
  if (begin < fetch.first() || begin >= fetch.last() || count > fetch.last() - begin) {
    on_fetch_end(fetch, ExchangeError::kProtocolBroken);
    return;
  }
  const std::string peer = fetch.answer().lease->peer().to_text();
  if (log_first(&fetch.answer(), "gone")) {
    LOG_INFO("peer {} does not have blocks {} to {} any more", peer, begin, begin + count - 1);
  }
  replace(begin, begin + count, &fetch.answer(), "peer " + peer + " does not have the block any more");
}

void TransferOperation::on_fetch_end(PeerFetch& fetch, base::Result<> outcome) {
  if (!fetch.end_once() || ended_ || state_->ended()) return;
  const multiformats::PeerId& peer = fetch.answer().lease->peer();
  const std::string why = outcome ? "the peer did not send everything" : outcome.error().message();
  if (!outcome && outcome.error() == ExchangeError::kTimeout) context_.suspects.add(peer);
  bool missing = false;
  const std::size_t end = std::min(fetch.last(), state_->good());
  for (std::size_t block = fetch.first(); block < end; ++block) missing = missing || !block_claimed(block);
  if (!missing) return;
  LOG_WARN("fetch from peer {} ended early: {}", peer.to_text(), why);
  replace(fetch.first(), fetch.last(), &fetch.answer(), "peer " + peer.to_text() + ": " + why);
}

void TransferOperation::fail_from(std::size_t block, const std::string& reason) {
  state_->fail_from(block, reason);
  boost::asio::post(context_.executor, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self || self->ended_) return;
    for (const auto& fetch : self->fetches_) {
      if (fetch->first() >= self->state_->good()) fetch->cancel();
    }
  });
}

bool TransferOperation::may_complete(const PeerAnswer& answer, std::size_t block) const {
  const std::size_t number = plan_.first_block + block;
  if (!answer.holding.has(number)) return false;
  const PeerAnswer* const begun_by = begun_by_[block];
  if (begun_by == nullptr || begun_by == &answer) return true;
  const auto& root = answer.root_of_block(number);
  return root && root == begun_by->root_of_block(number);
}

std::shared_ptr<const PeerAnswer> TransferOperation::other_source(std::size_t block, std::size_t end,
                                                                  std::size_t& reach) const {
  std::shared_ptr<const PeerAnswer> best;
  reach = block;
  for (const auto& answer : plan_.match->answers) {
    if (failed_answers_.contains(answer.get())) continue;
    std::size_t run = block;
    while (run < end && may_complete(*answer, run)) ++run;
    if (run <= reach) continue;
    best = answer;
    reach = run;
  }
  return best;
}

void TransferOperation::replace(std::size_t first, std::size_t end, const PeerAnswer* failed,
                                const std::string& reason) {
  failed_answers_.insert(failed);
  end = std::min(end, state_->good());
  std::size_t block = first;
  while (block < end) {
    if (block_claimed(block)) {
      ++block;
      continue;
    }
    std::size_t reach = block;
    const auto other = other_source(block, end, reach);
    if (!other) {
      fail_from(block, reason);
      return;
    }
    ++context_.counters.fetches_retried;
    LOG_INFO("fetching blocks {} to {} from peer {} instead", block, reach - 1, other->lease->peer().to_text());
    start_source(other, block, reach);
    block = reach;
  }
}

}  // namespace kvp2p
