#include "cache/match_operation.h"

#include "base/log.h"
#include "cache/direct_source.h"
#include "cache/local_block_set.h"
#include "direct/direct_client.h"
#include "exchange/exchange.h"
#include "exchange/exchange_error.h"
#include "exchange/log_once.h"
#include "index/beliefs.h"
#include "index/block_index.h"
#include "wire/limits.h"

namespace kvp2p {

namespace {

/// Time for a peer that promises nothing: three round trips, within these bounds.
constexpr base::Duration kPatienceMin = std::chrono::milliseconds(50);
constexpr base::Duration kPatienceDefault = std::chrono::milliseconds(300);
constexpr base::Duration kPatienceMax = std::chrono::seconds(1);

/// Peers that are first to be connected to, for one match.
constexpr std::size_t kFarPeersMax = 4;

/// A peer whose memory is open here counts for no less than this beside others.
constexpr std::uint64_t kDirectBytesPerSecond = 100'000'000'000;

}  // namespace

MatchOperation::MatchOperation(CacheContext& context, std::shared_ptr<MatchState> state)
    : context_(context), state_(std::move(state)) {}

void MatchOperation::start() {
  started_ = context_.clock->now();
  context_.counters.blocks_asked += state_->request().keys.size();
  look_here();
  const std::size_t here = local_end();
  tell_prefix(here);
  if (here < state_->request().keys.size() && context_.link->exchange != nullptr) ask_peers(here);
  std::weak_ptr<MatchOperation> weak = weak_from_this();
  deadline_ = context_.clock->call_at(state_->request().deadline, [weak] {
    if (auto self = weak.lock()) self->decide();
  });
  review();
}

void MatchOperation::stop() {
  decide();
  life_.reset();
  shards_.clear();
  state_->expire();
}

void MatchOperation::look_here() {
  const MatchRequest& request = state_->request();
  for (const ObjectFormat& format : request.shards) {
    ShardMatch& shard = *shards_.emplace_back(std::make_shared<ShardMatch>());
    shard.format = format;
    shard.local.resize(request.keys.size());
    // Last first: the store then keeps the beginning of a prompt longest.
    for (std::size_t i = request.keys.size(); i-- > 0;) {
      BlockPin pin = context_.local->store().find(request.keys[i], format);
      if (pin) shard.local[i] = std::make_shared<const BlockPin>(std::move(pin));
    }
  }
}

/// Leading blocks that are here in all shards.
std::size_t MatchOperation::local_end() const {
  std::size_t end = state_->request().keys.size();
  for (const auto& shard : shards_) {
    const auto gap = std::find(shard->local.begin(), shard->local.end(), nullptr);
    end = std::min(end, static_cast<std::size_t>(gap - shard->local.begin()));
  }
  return end;
}

void MatchOperation::tell_prefix(std::size_t here) const {
  const auto& keys = state_->request().keys;
  if (!context_.on_prefix || keys.empty()) return;
  const bool is_indexed = here == 0 && !context_.index->holders(std::span(keys).first(1), 0, 1).empty();
  context_.on_prefix(keys.front(), here > 0 ? PrefixAt::kHere : is_indexed ? PrefixAt::kAtPeers : PrefixAt::kNowhere);
}

void MatchOperation::ask_peers(std::size_t from) {
  std::set<multiformats::PeerId> connected;
  for (const KvPeer& peer : context_.link->exchange->peers()) connected.insert(peer.id);
  std::set<multiformats::PeerId> indexed;
  std::size_t far = 0;
  for (const auto& holder : context_.index->holders(state_->request().keys, from, kIndexedPeersMax)) {
    indexed.insert(holder.peer);
    const bool is_far = !connected.contains(holder.peer);
    if (is_far && (!context_.reach || far++ >= kFarPeersMax)) continue;
    ask(holder.peer, from + holder.blocks, is_far);
  }
  std::size_t unknown = 0;
  for (const auto& peer : connected) {
    // Who has not kept what it promised is asked where its promises, as far as they are believed, put it.
    if (indexed.contains(peer) || context_.index->belief_in(peer) < Beliefs::kOfStrangers) continue;
    if (unknown++ == kUnknownPeersMax) break;
    ask(peer, 0);
  }
  // Only now: an answer can come at once, and must not decide while others are yet to be asked.
  for (std::size_t i = 0; i < questions_.size(); ++i) {
    base::spawn(context_.executor, run_question(shared_from_this(), i, from));
  }
}

void MatchOperation::ask(const multiformats::PeerId& peer, std::size_t promised_end, bool is_far) {
  for (std::size_t shard = 0; shard < shards_.size(); ++shard) {
    Question question;
    question.peer = peer;
    question.shard = shard;
    question.into = shards_[shard];
    if (promised_end > 0) ++shards_[shard]->answers_expected;
    question.promised_end = promised_end;
    question.is_far = is_far;
    question.patience_end = patience_end(peer, promised_end);
    if (is_far) question.patience_end = std::min(question.patience_end, context_.clock->now() + kPatienceMax);
    questions_.push_back(question);
  }
}

base::TimePoint MatchOperation::patience_end(const multiformats::PeerId& peer, std::size_t promised_end) const {
  const base::TimePoint deadline = state_->request().deadline;
  if (promised_end > 0 && !context_.suspects.contains(peer)) return deadline;
  base::Duration patience = kPatienceDefault;
  const auto connected = context_.link->exchange->peer(peer);
  if (connected && connected->round_trip > base::Duration::zero()) {
    patience = std::clamp(3 * connected->round_trip, kPatienceMin, kPatienceMax);
  }
  return std::min(deadline, context_.clock->now() + patience);
}

LookupRequest MatchOperation::make_lookup(std::size_t shard, std::size_t from) const {
  const MatchRequest& request = state_->request();
  LookupRequest lookup;
  lookup.fingerprint = request.fingerprint;
  lookup.model_fields = context_.models->fields_of(request.fingerprint);
  lookup.format = request.shards[shard];
  const std::size_t count = std::min(request.keys.size() - from, wire::kKeysMax);
  lookup.keys.assign(request.keys.begin() + from, request.keys.begin() + from + count);
  lookup.lease_time = kPeerLeaseTime;
  return lookup;
}

base::Task<> MatchOperation::run_question(std::shared_ptr<MatchOperation> self, std::size_t number, std::size_t from) {
  const multiformats::PeerId peer = self->questions_[number].peer;
  const base::TimePoint deadline = self->state_->request().deadline;
  base::Result<LookupAnswer> answer = ExchangeError::kNotConnected;
  // A variable: GCC 12 destroys a temporary of a condition too late.
  bool is_there = true;
  if (self->questions_[number].is_far) is_there = co_await self->context_.reach(peer, deadline);
  Exchange* exchange = self->context_.link->exchange;
  if (exchange == nullptr) co_return;
  if (is_there) {
    LookupRequest lookup = self->make_lookup(self->questions_[number].shard, from);
    answer = co_await exchange->lookup(peer, std::move(lookup), deadline);
  }
  Question& question = self->questions_[number];
  question.answered = true;
  const auto shard = question.into.lock();
  if (shard && question.promised_end > 0) --shard->answers_expected;
  self->judge_promise(question, from, answer);
  if (answer) {
    self->context_.suspects.remove(peer);
    self->take_answer(number, from, std::move(*answer));
  } else {
    if (answer.error() == ExchangeError::kTimeout || question.is_far) self->context_.suspects.add(peer);
    self->note_reason(peer, answer.error().message());
  }
  // Transfers that have begun with what others answered.
  if (shard && self->decided_ && self->context_.on_late_answer) self->context_.on_late_answer(*shard);
  self->review();
}

void MatchOperation::judge_promise(const Question& question, std::size_t from,
                                   const base::Result<LookupAnswer>& answer) {
  // Who is busy or cut off may have what it promised; who lets us wait, or cannot be reached, counts as one who has
  // nothing.
  const bool is_silent = !answer && (answer.error() == ExchangeError::kTimeout || question.is_far);
  if (question.promised_end <= from || (!answer && !is_silent)) return;
  std::size_t found = 0;
  if (answer) {
    const auto gap = std::find_if(answer->blocks.begin(), answer->blocks.end(),
                                  [](const FoundBlock& block) { return !block.present; });
    found = static_cast<std::size_t>(gap - answer->blocks.begin());
  }
  const std::size_t promised = std::min(question.promised_end - from, wire::kKeysMax);
  // To say that it is there proves nothing: what it sends will.
  if (found >= promised) return;
  context_.index->tested(question.peer, promised, found);
}

void MatchOperation::take_answer(std::size_t number, std::size_t from, LookupAnswer answer) {
  const Question& question = questions_[number];
  auto taken = std::make_shared<PeerAnswer>();
  taken->holding.first = from;
  const std::size_t asked = std::min(state_->request().keys.size() - from, wire::kKeysMax);
  bool any = false;
  if (answer.blocks.size() == asked) {
    for (const FoundBlock& block : answer.blocks) {
      taken->holding.present.push_back(block.present);
      any = any || block.present;
    }
  }
  if (!any) {
    note_reason(question.peer, printable(answer.reason));
    return;
  }
  // Ends the lease when it goes, which is at once if the match has ended.
  taken->lease = std::make_shared<PeerLease>(context_.executor, context_.link, question.peer, answer.lease);
  // From when it was asked at the latest.
  taken->leased_until = started_ + answer.lease_time;
  const auto peer = context_.link->exchange ? context_.link->exchange->peer(question.peer) : std::nullopt;
  if (peer) taken->epoch = peer->epoch;
  taken->promised_bytes_per_second = answer.expected_bytes_per_second;
  taken->holding.bytes_per_second = answer.expected_bytes_per_second;
  if (has_direct_blocks(context_.direct, question.peer, answer.blocks)) {
    taken->holding.bytes_per_second = std::max(answer.expected_bytes_per_second, kDirectBytesPerSecond);
  }
  taken->blocks = std::move(answer.blocks);
  if (const auto shard = question.into.lock()) shard->answers.push_back(std::move(taken));
}

void MatchOperation::note_reason(const multiformats::PeerId& peer, const std::string& reason) {
  if (reason.empty() || decided_) return;
  if (context_.logged.first(peer, reason)) LOG_WARN("nothing from peer {}: {}", peer.to_text(), reason);
  if (!reason_.empty()) reason_ += "; ";
  reason_ += "peer " + peer.to_text() + ": " + reason;
}

void MatchOperation::review() {
  if (decided_) return;
  std::size_t found = state_->request().keys.size();
  for (const auto& shard : shards_) {
    std::vector<std::uint8_t> here;
    for (const auto& pin : shard->local) here.push_back(pin != nullptr);
    std::vector<Holding> peers;
    for (const auto& answer : shard->answers) peers.push_back(answer->holding);
    shard->sources = plan_sources(here, peers);
    found = std::min(found, leading_blocks(shard->sources));
  }
  const bool wait = found < state_->request().keys.size() &&
                    std::any_of(questions_.begin(), questions_.end(),
                                [&](const Question& question) { return worth_waiting(question, found); });
  if (wait) {
    schedule_review();
  } else if (may_be_advised_better(found)) {
    return;
  } else {
    decide();
  }
}

bool MatchOperation::worth_waiting(const Question& question, std::size_t found) const {
  if (question.answered || context_.clock->now() >= question.patience_end) return false;
  return question.promised_end == 0 || question.promised_end > found;
}

void MatchOperation::schedule_review() {
  base::TimePoint next = base::TimePoint::max();
  for (const Question& question : questions_) {
    if (!question.answered && question.patience_end > context_.clock->now()) {
      next = std::min(next, question.patience_end);
    }
  }
  if (next == base::TimePoint::max()) return;
  std::weak_ptr<MatchOperation> weak = weak_from_this();
  next_review_ = context_.clock->call_at(next, [weak] {
    if (auto self = weak.lock()) self->review();
  });
}

void MatchOperation::decide() {
  if (decided_) return;
  decided_ = true;
  MatchStatus status;
  const std::size_t keys = state_->request().keys.size();
  status.blocks = shards_.empty() ? 0 : keys;
  status.present.assign(keys, true);
  status.sources.assign(keys, Source::kLocal);
  for (const auto& shard : shards_) {
    status.blocks = std::min(status.blocks, leading_blocks(shard->sources));
    for (std::size_t i = 0; i < keys; ++i) {
      const int source = i < shard->sources.size() ? shard->sources[i] : kNoSource;
      if (source == kNoSource) {
        status.present[i] = false;
        status.sources[i] = Source::kNone;
      } else if (source != kLocalSource && status.sources[i] == Source::kLocal) {
        status.sources[i] = Source::kPeer;
      }
    }
  }
  if (status.blocks < keys) {
    const bool outstanding =
        std::any_of(questions_.begin(), questions_.end(), [](const Question& q) { return !q.answered; });
    if (outstanding) reason_ += reason_.empty() ? "peers did not answer in time" : "; others did not answer in time";
    status.reason = reason_;
  }
  for (std::size_t i = 0; i < status.blocks; ++i) {
    ++(status.sources[i] == Source::kLocal ? context_.counters.blocks_matched_local
                                           : context_.counters.blocks_matched_peer);
  }
  advise(status);
  std::weak_ptr<MatchOperation> weak = weak_from_this();
  life_ = context_.clock->call_at(context_.clock->now() + kMatchLife, [weak] {
    if (auto self = weak.lock()) self->stop();
  });
  state_->decide(std::move(status));
}

FetchQuestion MatchOperation::question_about(const ShardMatch& shard, std::size_t blocks) const {
  FetchQuestion question;
  question.block_bytes = shard.format.block_bytes();
  question.prefill = context_.prefill.get(state_->request().fingerprint);
  // Each peer twice: over the network, and in place.
  for (const auto& answer : shard.answers) {
    for (const PeerPath path : {PeerPath::kNetwork, PeerPath::kDirect}) {
      question.sources.push_back(context_.estimates.get(answer->lease->peer(), path, context_.clock->now()));
    }
  }
  question.holders.resize(blocks);
  for (std::size_t block = 0; block < blocks; ++block) {
    if (shard.sources[block] <= kLocalSource) continue;
    for (std::size_t i = 0; i < shard.answers.size(); ++i) {
      const PeerAnswer& answer = *shard.answers[i];
      if (!answer.holding.has(block)) continue;
      const auto& place = answer.blocks[block - answer.holding.first].place;
      const bool in_place = place && context_.direct.client != nullptr &&
                            context_.direct.client->find(answer.lease->peer(), place->region) != nullptr;
      question.holders[block].push_back(2 * i + (in_place ? 1 : 0));
    }
  }
  return question;
}

FetchDecision MatchOperation::least_decision(std::size_t blocks) const {
  FetchDecision least;
  for (const auto& shard : shards_) {
    FetchDecision decision = decide_fetch(question_about(*shard, blocks), context_.fetch_policy);
    if (least.text.empty() || decision.blocks < least.blocks) least = std::move(decision);
  }
  return least;
}

bool MatchOperation::may_be_advised_better(std::size_t found) {
  const base::TimePoint now = context_.clock->now();
  const bool outstanding = std::any_of(questions_.begin(), questions_.end(), [&](const Question& question) {
    return !question.answered && question.promised_end > 0 && now < question.patience_end;
  });
  if (found == 0 || !outstanding) return false;
  const FetchDecision decision = least_decision(found);
  const base::TimePoint computed = started_ + decision.compute_time;
  if (decision.blocks >= found || now >= computed) return false;
  std::weak_ptr<MatchOperation> weak = weak_from_this();
  next_review_ = context_.clock->call_at(computed, [weak] {
    if (auto self = weak.lock()) self->review();
  });
  return true;
}

void MatchOperation::advise(MatchStatus& status) {
  status.worth_fetching = status.blocks;
  if (status.blocks == 0) return;
  const FetchDecision least = least_decision(status.blocks);
  status.worth_fetching = least.blocks;
  status.decision = least.text;
  context_.counters.blocks_left_to_recompute += status.blocks - least.blocks;
  using Kind = FetchDecision::Kind;
  switch (least.kind) {
    case Kind::kNothingToFetch:
      break;
    case Kind::kAsConfigured:
    case Kind::kFetch:
      ++context_.counters.decided_fetch;
      break;
    case Kind::kFetchPart:
      ++context_.counters.decided_fetch_part;
      break;
    case Kind::kRecompute:
      ++context_.counters.decided_recompute;
      break;
    case Kind::kUnmeasured:
      ++context_.counters.decided_unmeasured;
      break;
  }
  if (least.blocks < status.blocks) LOG_INFO("{}", least.text);
}

}  // namespace kvp2p
