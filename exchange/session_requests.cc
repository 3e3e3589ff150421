// What this node asks of the peer.
#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/lookup_messages.h"
#include "exchange/put_client.h"
#include "exchange/session.h"
#include "exchange/wire_errors.h"
#include "wire/limits.h"
#include "wire/validate.h"

#include <algorithm>

namespace kvp2p {

namespace {

/// A request that was answered busy is asked again so many times.
constexpr int kBusyRetries = 3;

template <class T>
base::Result<T> expect(wire::Body body) {
  if (auto* wanted = std::get_if<T>(&body)) return std::move(*wanted);
  if (auto* error = std::get_if<wire::ErrorMessage>(&body)) return error_of(*error);
  return ExchangeError::kProtocolBroken;
}

}  // namespace

base::Task<base::Result<wire::Body>> Session::ask(wire::Body request, base::TimePoint deadline) {
  auto self = shared_from_this();
  for (int tries = 0;; ++tries) {
    if (ended_) co_return ExchangeError::kPeerGone;
    const std::uint64_t id = next_id();
    auto mailbox = mailboxes_.open(id);
    if (!mailbox) co_return ExchangeError::kTooManyRequests;
    const base::TimePoint asked = context_->clock.now();
    wire::Body copy = request;
    send(id, std::move(copy));
    auto answer = co_await mailbox->next(context_->clock, deadline);
    if (!answer) co_return answer.error();
    round_trip_.add(static_cast<double>((context_->clock.now() - asked).count()));
    const auto* busy = std::get_if<wire::Busy>(&*answer);
    if (busy == nullptr) co_return answer;
    const base::Duration wait = std::max(from_wire_ms(busy->retry_after_ms), kBusyRetry);
    if (tries == kBusyRetries || context_->clock.now() + wait >= deadline) co_return ExchangeError::kBusy;
    co_await pause(context_, wait);
  }
}

base::Task<base::Result<LookupAnswer>> Session::lookup(LookupRequest request, base::TimePoint deadline) {
  auto self = shared_from_this();
  wire::Lookup message = to_wire(request);
  const std::size_t keys_max = std::min<std::size_t>(wire::kKeysMax, theirs_.limits.keys_max);
  if (request.keys.size() > keys_max || !wire::is_consistent(message)) co_return ExchangeError::kBadRequest;
  // To answer that it holds a block is to announce it.
  if (!may(Right::kAnnounce, request.fingerprint)) co_return ExchangeError::kNotAuthorised;
  const base::TimePoint now = context_->clock.now();
  const auto turn = asked_tokens_.reserve(request.keys.size() + kFloodMessageCost, now, deadline - now);
  if (!turn) co_return ExchangeError::kBusy;
  if (*turn > base::Duration::zero()) co_await pause(context_, *turn, connection_);
  ++context_->stats.lookups_sent;
  wire::Body body = std::move(message);
  auto answered = co_await ask(std::move(body), deadline);
  if (!answered) co_return answered.error();
  auto answer = expect<wire::LookupAnswer>(std::move(*answered));
  if (!answer) co_return answer.error();
  auto found = from_wire(std::move(*answer), request.keys.size(), request.format);
  // Who asked logs it: a peer's text must not steer a terminal.
  if (found) {
    found->reason = printable(found->reason);
    check_promises(request, *found);
  }
  co_return found;
}

std::unique_ptr<Fetch> Session::fetch(FetchRequest request, FetchSink& sink, base::TimePoint deadline) {
  return fetches_.start(std::move(request), sink, deadline);
}

base::Task<base::Result<std::size_t>> Session::put(LookupRequest description, std::vector<Exchange::PutBlock> blocks,
                                                   base::TimePoint deadline) {
  auto self = shared_from_this();
  co_return co_await put_blocks(context_, *this, mailboxes_, std::move(description), std::move(blocks), deadline, self);
}

void Session::release(const LeaseToken& lease) { send(0, wire::Release{to_wire(lease)}); }

void Session::announce(wire::Announce message) {
  // A peer that is slow to read misses news rather than losing its session: what is announced are hints. It is told
  // everything again, or it would take this node for one that announces what it does not have.
  if (!writer_.has_room()) {
    missed_news_ = true;
    return;
  }
  if (std::exchange(missed_news_, false)) return announce_all();
  message.sequence = ++announced_;
  ++context_->stats.announcements_sent;
  send(0, std::move(message));
}

base::Task<base::Result<base::Duration>> Session::ping(base::TimePoint deadline) {
  auto self = shared_from_this();
  const base::TimePoint began = context_->clock.now();
  wire::Body body = wire::Ping{};
  auto answered = co_await ask(std::move(body), deadline);
  if (!answered) co_return answered.error();
  auto pong = expect<wire::Pong>(std::move(*answered));
  if (!pong) co_return pong.error();
  co_return context_->clock.now() - began;
}

base::Task<base::Result<std::vector<std::pair<std::string, std::uint64_t>>>> Session::stats(base::TimePoint deadline) {
  auto self = shared_from_this();
  wire::Body body = wire::Stats{};
  auto answered = co_await ask(std::move(body), deadline);
  if (!answered) co_return answered.error();
  auto answer = expect<wire::StatsAnswer>(std::move(*answered));
  if (!answer) co_return answer.error();
  co_return std::move(answer->counters);
}

base::Task<base::Result<DirectTicket>> Session::ask_direct_ticket(base::TimePoint deadline) {
  auto self = shared_from_this();
  wire::Body body = wire::DirectOpen{};
  auto answered = co_await ask(std::move(body), deadline);
  if (!answered) co_return answered.error();
  auto ticket = expect<wire::DirectTicket>(std::move(*answered));
  if (!ticket) co_return ticket.error();
  co_return DirectTicket{std::move(ticket->socket), ticket->nonce};
}

}  // namespace kvp2p
