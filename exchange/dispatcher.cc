#include "exchange/dispatcher.h"

#include "base/log.h"
#include "direct/direct_server.h"
#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/lookup_messages.h"
#include "exchange/wire_errors.h"
#include "index/block_index.h"
#include "wire/wire_error.h"

namespace kvp2p {

namespace {

/// Who asks needs the cluster key; who answers has been asked.
bool is_request(const wire::Body& body) {
  return std::visit(
      [](const auto& m) {
        using T = std::decay_t<decltype(m)>;
        return std::is_same_v<T, wire::Lookup> || std::is_same_v<T, wire::Get> || std::is_same_v<T, wire::Credit> ||
               std::is_same_v<T, wire::Cancel> || std::is_same_v<T, wire::Put> || std::is_same_v<T, wire::Announce> ||
               std::is_same_v<T, wire::Stats> || std::is_same_v<T, wire::Release> ||
               std::is_same_v<T, wire::DirectOpen> || std::is_same_v<T, wire::Streams> ||
               std::is_same_v<T, wire::Lost> || std::is_same_v<T, wire::Counts>;
      },
      body);
}

bool is_answer(std::uint64_t number) {
  using wire::number_of;
  return number == number_of<wire::LookupAnswer>() || number == number_of<wire::Gone>() ||
         number == number_of<wire::GetEnd>() || number == number_of<wire::Busy>() ||
         number == number_of<wire::ErrorMessage>() || number == number_of<wire::PutAnswer>() ||
         number == number_of<wire::PutEnd>() || number == number_of<wire::Pong>() ||
         number == number_of<wire::StatsAnswer>() || number == number_of<wire::DirectTicket>() ||
         number == number_of<wire::CountsAnswer>();
}

}  // namespace

bool is_unasked(std::uint64_t number) { return !is_answer(number) && number != wire::number_of<wire::Credit>(); }

bool Dispatcher::dispatch(wire::Body body) {
  if (is_request(body) && !session_.peer_authorised_) {
    refuse();
    return true;
  }
  return std::visit([this](auto& m) { return on(m); }, body);
}

void Dispatcher::turn_away(std::uint64_t number) {
  using wire::number_of;
  const bool awaits_answer =
      number == number_of<wire::Lookup>() || number == number_of<wire::Get>() || number == number_of<wire::Put>();
  if (awaits_answer) session_.send(id_, wire::Busy{to_wire_ms(kBusyRetry)});
}

void Dispatcher::refuse() {
  NodeContext& context = *session_.context_;
  ++context.stats.lookups_refused;
  if (context.log_once.first(session_.peer(), "refused")) {
    LOG_WARN("peer {} asks without having shown the cluster key; it gets nothing", session_.peer().to_text());
  }
  session_.send(id_, error_message(wire::ErrorCode::kNotAuthorised,
                                   "not authorised: both nodes need the same cluster key, or name each other's peer "
                                   "ids as trusted"));
}

bool Dispatcher::refuse_right(const char* what) {
  NodeContext& context = *session_.context_;
  ++context.stats.lookups_refused;
  if (context.log_once.first(session_.peer(), what)) {
    LOG_WARN("peer {} may not {} by the cluster file, and tries to", session_.peer().to_text(), what);
  }
  const std::string reason = std::string("this node's cluster file does not let you ") + what;
  session_.send(id_, error_message(wire::ErrorCode::kNotAuthorised, reason));
  return true;
}

void Dispatcher::refuse_bad(std::uint64_t number, base::Error error) {
  if (is_answer(number)) {
    const base::Error broken = ExchangeError::kProtocolBroken;
    if (!session_.mailboxes_.fail(id_, broken)) session_.fetches_.fail(id_, broken);
  } else if (!session_.peer_authorised_) {
    refuse();
  } else {
    const auto code =
        error == wire::WireError::kUnknownMessage ? wire::ErrorCode::kUnsupported : wire::ErrorCode::kBadRequest;
    session_.send(id_, error_message(code, error.message()));
  }
}

bool Dispatcher::on(wire::Lookup& m) {
  NodeContext& context = *session_.context_;
  if (!session_.may(Right::kRead, m.fingerprint)) return refuse_right("read this model's and tenant's blocks");
  ++context.stats.lookups_served;
  const ObjectFormat format = m.format;
  const LookupRequest request = from_wire(std::move(m));
  LookupAnswer answer = context.local.lookup(session_.peer(), request);
  answer.blocks.resize(request.keys.size());
  if (!answer.reason.empty() && context.log_once.first(session_.peer(), answer.reason)) {
    LOG_WARN("peer {} asks for what this node does not have: {}", session_.peer().short_text(),
             printable(answer.reason));
  }
  session_.send(id_, to_wire(answer, format));
  return true;
}

bool Dispatcher::on(wire::Get& m) {
  session_.gets_.on_get(id_, std::move(m));
  return true;
}

bool Dispatcher::on(wire::Credit& m) {
  session_.gets_.on_credit(id_, m);
  return true;
}

bool Dispatcher::on(wire::Streams& m) {
  session_.gets_.on_streams(id_, m);
  return true;
}

bool Dispatcher::on(wire::Lost& m) {
  session_.gets_.on_lost(id_, m);
  return true;
}

bool Dispatcher::on(wire::Counts&) {
  // Asked too often it is not answered: the asker asks again.
  if (session_.lookup_tokens_.take(kLookupCost, session_.context_->clock.now())) session_.gets_.on_counts(id_);
  return true;
}

bool Dispatcher::on(wire::Cancel&) {
  session_.gets_.on_cancel(id_);
  session_.puts_.on_cancel(id_);
  return true;
}

bool Dispatcher::on(wire::Put& m) {
  if (!session_.may(Right::kWrite, m.fingerprint)) return refuse_right("write this model's and tenant's blocks");
  session_.puts_.on_put(id_, std::move(m));
  return true;
}

bool Dispatcher::on(wire::Announce& m) {
  NodeContext& context = *session_.context_;
  if (m.sequence <= session_.last_announced_) return true;
  session_.last_announced_ = m.sequence;
  ++context.stats.announcements_received;
  if (m.cleared) {
    session_.drop_news();
    context.index.forget(session_.peer());
  }
  if (m.stored.empty() && m.evicted.empty()) return true;
  if (!session_.may(Right::kAnnounce, m.fingerprint)) {
    if (context.log_once.first(session_.peer(), "announce")) {
      LOG_WARN("peer {} may not announce by the cluster file; what it says is not believed", session_.peer().to_text());
    }
    return true;
  }
  if (!m.stored.empty()) session_.note_announced(m.fingerprint, m.format);
  session_.add_news(m.stored, m.evicted);
  return true;
}

bool Dispatcher::on(wire::Stats&) {
  const ExchangeStats& stats = session_.context_->stats;
  wire::StatsAnswer answer;
  answer.counters = {{"lookups_sent", stats.lookups_sent},
                     {"lookups_served", stats.lookups_served},
                     {"lookups_refused", stats.lookups_refused},
                     {"fetches", stats.fetches},
                     {"fetches_failed", stats.fetches_failed},
                     {"bytes_received", stats.bytes_received},
                     {"bytes_sent", stats.bytes_sent},
                     {"wire_bytes_received", stats.wire_bytes_received},
                     {"wire_bytes_sent", stats.wire_bytes_sent},
                     {"announcements_sent", stats.announcements_sent},
                     {"announcements_received", stats.announcements_received}};
  session_.send(id_, std::move(answer));
  return true;
}

bool Dispatcher::on(wire::Release& m) {
  session_.context_->local.release(session_.peer(), from_wire(m.lease));
  return true;
}

bool Dispatcher::on(wire::Ping&) {
  session_.send(id_, wire::Pong{});
  return true;
}

bool Dispatcher::on(wire::DirectOpen&) {
  DirectServer* server = session_.context_->config.direct_server;
  if (server == nullptr) {
    session_.send(id_, error_message(wire::ErrorCode::kUnsupported, "the direct path is turned off here"));
    return true;
  }
  // Memory that is open is open for every model and tenant.
  if (!session_.may_everywhere(Right::kRead)) return refuse_right("read everything, as the direct path would");
  const DirectTicket ticket = server->issue_ticket(session_.peer());
  session_.send(id_, wire::DirectTicket{ticket.socket_name, ticket.nonce});
  return true;
}

template <class T>
bool Dispatcher::deliver(T& m) {
  session_.mailboxes_.deliver(id_, std::move(m));
  return true;
}

bool Dispatcher::on(wire::LookupAnswer& m) {
  const auto lease = m.lease;
  // Too late: whoever asked has gone on, so the blocks need not be held.
  if (!session_.mailboxes_.deliver(id_, std::move(m)) && lease) session_.send(0, wire::Release{*lease});
  return true;
}

bool Dispatcher::on(wire::Gone& m) {
  session_.fetches_.on_gone(id_, m);
  return true;
}

bool Dispatcher::on(wire::GetEnd& m) {
  session_.fetches_.on_get_end(id_, m);
  return true;
}

bool Dispatcher::on(wire::CountsAnswer& m) {
  session_.fetches_.on_counts(id_, m);
  return true;
}

bool Dispatcher::on(wire::Busy& m) {
  if (!session_.fetches_.on_busy(id_, m)) deliver(m);
  return true;
}

bool Dispatcher::on(wire::ErrorMessage& m) {
  NodeContext& context = *session_.context_;
  if (context.log_once.first(session_.peer(), m.reason)) {
    LOG_WARN("peer {} answers with an error: {}", session_.peer().short_text(), printable(m.reason));
  }
  if (!session_.fetches_.fail(id_, error_of(m))) deliver(m);
  return true;
}

bool Dispatcher::on(wire::PutAnswer& m) { return deliver(m); }
bool Dispatcher::on(wire::PutEnd& m) { return deliver(m); }
bool Dispatcher::on(wire::Pong& m) { return deliver(m); }
bool Dispatcher::on(wire::StatsAnswer& m) { return deliver(m); }
bool Dispatcher::on(wire::DirectTicket& m) { return deliver(m); }

}  // namespace kvp2p
