// Which peers bring a transfer's blocks: all who have them, others when one fails or is late.
#include "base/log.h"
#include "cache/source_conduct.h"
#include "cache/transfer_fetch.h"

#include <boost/asio/post.hpp>

namespace kvp2p {

namespace {

/// A peer of which nothing is known, and one that has let deadlines pass.
constexpr double kRateGuess = 1e9;
constexpr double kSuspectRateGuess = 1e7;
/// One that has proved nothing beside those who have: a large transfer tries it, a small one does without.
constexpr double kStrangerRateGuess = 1e8;
/// A source is late after tens of milliseconds; so often it is looked at, while another could help.
constexpr base::Duration kLateCheckTime = std::chrono::milliseconds(20);

}  // namespace

// Who is asked -------------------------------------------------------------------------------------------------------

void TransferOperation::want_planned_blocks() {
  fetch_started_ = std::chrono::steady_clock::now();
  for (std::size_t block = 0; block < blocks(); ++block) {
    if (plan_.match->sources[plan_.first_block + block] <= kLocalSource) continue;
    for (std::uint32_t layer = 0; layer < plan_.format.shard.layers(); ++layer) want(layer, block);
  }
}

std::size_t TransferOperation::source_of(const PeerAnswer* answer) const {
  const auto& answers = plan_.match->answers;
  const auto at = std::find_if(answers.begin(), answers.end(), [&](const auto& one) { return one.get() == answer; });
  return static_cast<std::size_t>(at - answers.begin());
}

double TransferOperation::guess_rate(const PeerAnswer& answer) const {
  if (context_.suspects.contains(answer.lease->peer())) return kSuspectRateGuess;
  const bool is_stranger = !has_proved_good(context_, answer) && anybody_has_proved_good();
  return is_stranger ? kStrangerRateGuess : kRateGuess;
}

/// Versions are numbers of sources: a block's is that of the first source with the same root. A loner's is its own.
FetchSchedule::Source TransferOperation::describe(std::size_t number) const {
  const PeerAnswer& answer = *answer_of(number);
  const multiformats::PeerId& peer = answer.lease->peer();
  FetchSchedule::Source source;
  source.versions.assign(blocks(), 0);
  for (std::size_t block = 0; block < blocks(); ++block) {
    const std::size_t key = plan_.first_block + block;
    if (!answer.holding.has(key)) continue;
    const auto& root = answer.root_of_block(key);
    if (const auto& here = plan_.match->local[key]) {
      // Wanted of peers only where a part of ours is no good: then of those that have the same.
      const StoredBlock& stored = **here;
      if (stored.format != plan_.format || root != stored.root) continue;
    }
    std::size_t same = number;
    for (std::size_t other = 0; root && !is_loner(number) && other < same; ++other) {
      const PeerAnswer& earlier = *answer_of(other);
      if (earlier.holding.has(key) && earlier.root_of_block(key) == root && !is_loner(other)) same = other;
    }
    source.versions[block] = static_cast<std::uint32_t>(same + 1);
  }
  source.bytes_per_second = guess_rate(answer);
  if (answer.promised_bytes_per_second > 0) {
    source.bytes_per_second = std::min(source.bytes_per_second, static_cast<double>(answer.promised_bytes_per_second));
  }
  const auto known = context_.link->exchange ? context_.link->exchange->peer(peer) : std::nullopt;
  if (known) {
    source.round_trip = known->round_trip;
    if (known->bytes_per_second > 0 && has_proved_good(context_, answer)) {
      source.bytes_per_second = static_cast<double>(known->bytes_per_second);
    }
  }
  if (const auto estimate = context_.estimates.get(peer, PeerPath::kNetwork, context_.clock->now())) {
    source.bytes_per_second = estimate->bytes_per_second;
    source.measured = true;
  }
  return source;
}

void TransferOperation::add_sources() {
  while (schedule_.sources() < plan_.match->answers.size()) {
    FetchSchedule::Source source = describe(schedule_.sources());
    versions_.push_back(std::make_shared<const std::vector<std::uint32_t>>(source.versions));
    schedule_.add_source(std::move(source));
  }
  schedule_.expect_sources(plan_.match->answers_expected);
  told_staged_.resize(schedule_.sources(), 0);
}

void TransferOperation::pump_peers() {
  if (ended_ || state_->ended()) return;
  add_sources();
  schedule_.limit(state_->good());
  start_direct_copies();
  if (const auto orphan = schedule_.first_orphan()) {
    // Nobody who has not answered yet is waited for: what was promised was answered when the match was decided.
    fail_from(*orphan, failure_.empty() ? "no peer has the block any more" : failure_);
    schedule_.limit(*orphan);
  }
  while (const auto piece = schedule_.next(context_.clock->now())) start_piece(*piece);
  look_for_late();
}

void TransferOperation::start_piece(const FetchSchedule::Piece& piece) {
  Exchange* exchange = context_.link->exchange;
  if (exchange == nullptr) {
    state_->fail_from(piece.first, "the node is stopping");
    return;
  }
  const std::shared_ptr<const PeerAnswer>& answer = answer_of(piece.source);
  if (!std::exchange(told_staged_[piece.source], 1)) note_staged(*answer, why_staged(*answer, piece.first));
  if (used_sources_.empty()) deserialise_before_ = exchange->stats().deserialise_time;
  used_sources_.insert(piece.source);
  ++context_.counters.pieces;
  const auto begin = given_back_.begin() + static_cast<std::ptrdiff_t>(piece.first);
  const auto end = given_back_.begin() + static_cast<std::ptrdiff_t>(piece.end);
  if (std::find(begin, end, 1) != end) {
    ++context_.counters.fetches_retried;
    LOG_INFO("fetching blocks {} to {} from peer {} instead", piece.first, piece.end - 1,
             answer->lease->peer().to_text());
  }
  FetchRequest request;
  request.peer = answer->lease->peer();
  request.lease = answer->lease->token();
  request.format = plan_.format;
  request.first_block = static_cast<std::uint32_t>(plan_.first_block + piece.first - answer->holding.first);
  request.blocks = static_cast<std::uint32_t>(piece.end - piece.first);
  request.head_begin = plan_.format.shard.head_begin;
  request.head_end = plan_.format.shard.head_end;
  for (const std::uint32_t layer : piece.layers) {
    request.layers.push_back(plan_.format.shard.layer_begin + plan_.layer_order[layer]);
  }
  request.worker = inbox_->worker(part_of(piece));
  auto& fetch = fetches_.emplace_back(std::make_unique<PeerFetch>(*this, answer, piece));
  fetch->start(*exchange, std::move(request), plan_.deadline);
}

// What is late -------------------------------------------------------------------------------------------------------

void TransferOperation::look_for_late() {
  const base::TimePoint now = context_.clock->now();
  while (const auto moved = schedule_.move_piece(now)) {
    ++context_.counters.pieces_moved;
    for (const auto& fetch : fetches_) {
      if (fetch->piece().id == *moved) fetch->end_once();
    }
    sweep_soon();
    while (const auto piece = schedule_.next(now)) start_piece(*piece);
  }
  while (const auto hedge = schedule_.hedge(now)) {
    ++context_.counters.hedges;
    start_piece(*hedge);
  }
  late_timer_.reset();
  if (!schedule_.may_become_late()) return;
  late_timer_ = context_.clock->call_at(now + kLateCheckTime, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->look_for_late_again();
  });
}

void TransferOperation::look_for_late_again() {
  const auto timer = std::move(late_timer_);  // this call's own: it lives until the call is over
  if (!ended_ && !state_->ended()) look_for_late();
}

void TransferOperation::sweep_soon() {
  if (std::exchange(sweeping_, true)) return;
  boost::asio::post(context_.executor, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (self && !self->ended_) self->sweep();
  });
}

void TransferOperation::sweep() {
  sweeping_ = false;
  const auto cancel = [this](std::uint64_t piece) {
    schedule_.end_piece(piece);
    for (const auto& fetch : fetches_) {
      if (fetch->piece().id == piece) fetch->cancel();
    }
  };
  while (const auto piece = schedule_.superseded_piece()) {
    // The first is given up for the second.
    if (!schedule_.is_hedge(*piece)) ++context_.counters.hedges_won;
    cancel(*piece);
  }
  for (const auto& fetch : fetches_) {
    if (!fetch->ended() && fetch->first() >= state_->good()) cancel(fetch->piece().id);
  }
  std::erase_if(fetches_, [](const auto& fetch) { return fetch->ended(); });
  take_samples();
  pump_peers();
}

void TransferOperation::take_samples() {
  for (const FlowSample& sample : schedule_.drain_samples()) {
    context_.estimates.add(answer_of(sample.source)->lease->peer(), PeerPath::kNetwork, sample.bytes, sample.latency,
                           sample.time, context_.clock->now());
  }
}

// What comes ---------------------------------------------------------------------------------------------------------

std::size_t TransferOperation::block_of(const PeerFetch& fetch, std::uint32_t peers_number) const {
  return peers_number + fetch.answer().holding.first - plan_.first_block;
}

TransferInbox::Part TransferOperation::part_of(const FetchSchedule::Piece& piece) const {
  const auto& answer = answer_of(piece.source);
  return {answer.get(), plan_.first_block - answer->holding.first, piece.first, piece.end, versions_[piece.source]};
}

void TransferOperation::on_frame(PeerFetch& fetch, ReceivedFrame frame) {
  auto delivery = std::static_pointer_cast<Delivery>(std::move(frame.work));
  if (ended_ || state_->ended()) return;
  const std::size_t bytes = frame.payload.size();
  const std::size_t wire_bytes = frame.wire_bytes();
  if (!delivery) delivery = inbox_->accept(part_of(fetch.piece()), frame);
  if (!delivery) return on_fetch_end(fetch, ExchangeError::kProtocolBroken);
  context_.counters.bytes_from_peers += bytes;
  state_->update_report([&](TransferReport& report) {
    report.bytes_from_peers += bytes;
    report.wire_bytes_from_peers += wire_bytes;
    report.network = std::chrono::steady_clock::now() - fetch_started_;
  });
  if (fetch.piece().hedge_of != 0) context_.counters.hedge_bytes += bytes;
  schedule_.note_bytes(fetch.piece().id, bytes, context_.clock->now());
  bool any = false;
  for (std::size_t i = 0; i < delivery->slices.size(); ++i) {
    if (delivery->slices[i] == nullptr) continue;
    schedule_.arrived(schedule_layer_[delivery->layer_of(i)], delivery->block_of(i));
    any = true;
  }
  delivery->claimed_in = nullptr;  // told
  if (schedule_.superseded_piece()) sweep_soon();
  if (!any) return;
  delivery->is_processed ? on_processed(std::move(delivery)) : process(std::move(delivery));
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
  blame_for_refusal(fetch.piece().source, begin);
  give_up(fetch.piece().source, begin, begin + count, "peer " + peer + " does not have the block any more");
}

void TransferOperation::on_fetch_end(PeerFetch& fetch, base::Result<> outcome) {
  if (!fetch.end_once() || ended_ || state_->ended()) return;
  const multiformats::PeerId& peer = fetch.answer().lease->peer();
  const std::string why = outcome ? "the peer did not send everything" : outcome.error().message();
  if (!outcome && outcome.error() == ExchangeError::kTimeout) context_.suspects.add(peer);
  schedule_.limit(state_->good());
  const bool missing = schedule_.end_piece(fetch.piece().id);
  if (missing) {
    LOG_WARN("fetch from peer {} ended early: {}", peer.to_text(), why);
    std::fill(given_back_.begin() + static_cast<std::ptrdiff_t>(fetch.first()),
              given_back_.begin() + static_cast<std::ptrdiff_t>(fetch.last()), 1);
    failure_ = "peer " + peer.to_text() + ": " + why;
  }
  if (missing || !outcome) schedule_.exclude(fetch.piece().source);
  if (missing && is_refusal(outcome)) blame_for_refusal(fetch.piece().source, fetch.first());
  take_samples();
  pump_peers();
  sweep_soon();
}

void TransferOperation::fail_from(std::size_t block, const std::string& reason) {
  state_->fail_from(block, reason);
  sweep_soon();
}

void TransferOperation::give_up(std::size_t source, std::size_t first, std::size_t end, const std::string& reason) {
  failure_ = reason;
  std::fill(given_back_.begin() + static_cast<std::ptrdiff_t>(first),
            given_back_.begin() + static_cast<std::ptrdiff_t>(end), 1);
  schedule_.distrust(source);
  schedule_.forget(source, first, end);
  pump_peers();
}

void TransferOperation::give_up_local(std::uint32_t layer, std::size_t block, const std::string& reason) {
  failure_ = reason;
  given_back_[block] = 1;
  // The block's root is checked over our own leaves and those that come, once all have come.
  const auto& stored = **plan_.match->local[plan_.first_block + block];
  if (leaves_[block].empty()) {
    leaves_[block] = stored.leaves;
    layers_to_come_[block] = 0;
  }
  ++layers_to_come_[block];
  want(layer, block);
}

}  // namespace kvp2p
