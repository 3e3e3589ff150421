#include "exchange/direct_paths.h"

#include "base/log.h"
#include "direct/direct_client.h"
#include "direct/error.h"
#include "exchange/limits.h"

#include <algorithm>

namespace kvp2p {

namespace {

void note_why_not(NodeContext& context, const multiformats::PeerId& peer, const std::string& reason) {
  if (!context.log_once.first(peer, "no direct path")) return;
  LOG_INFO("no direct path to peer {}: {}", peer.short_text(), printable(reason));
}

/// The peer is where it is, and runs as whom it runs.
bool is_for_good(const base::Error& error) {
  return error == DirectError::kNoListener || error == DirectError::kOtherUser;
}

/// Both ends of the connection have the same address.
bool is_on_this_host(const libp2p::Connection& connection) {
  const auto here = connection.local_address().tcp_endpoint();
  const auto there = connection.remote_address().tcp_endpoint();
  return here && there && here->address == there->address;
}

}  // namespace

DirectPaths::DirectPaths(std::shared_ptr<NodeContext> context) : context_(std::move(context)) {
  DirectClient* client = context_->config.direct_client;
  if (client == nullptr) return;
  client->on_session_ended([context = std::weak_ptr(context_)] {
    if (auto alive = context.lock()) alive->closing_changed.notify_all();
  });
}

void DirectPaths::on_session_up(const std::shared_ptr<Session>& session) {
  DirectClient* client = context_->config.direct_client;
  if (client == nullptr) return;
  const multiformats::PeerId& peer = session->peer();
  if (!session->offers_direct()) {
    client->set_why_not(peer, "the peer offers no direct path");
    return note_why_not(*context_, peer, "the peer offers no direct path");
  }
  auto known = paths_.find(peer);
  if (known != paths_.end() && known->second->epoch == session->epoch_of_peer()) {
    auto& sessions = known->second->sessions;
    std::erase_if(sessions, [](const auto& other) { return other.expired(); });
    sessions.push_back(session);
    return;
  }
  drop(peer);
  auto path = std::make_shared<Path>();
  path->peer = peer;
  path->epoch = session->epoch_of_peer();
  path->since = context_->clock.now();
  path->sessions.push_back(session);
  paths_.emplace(peer, path);
  spawn_counted(context_, keep_open(context_, std::move(path)));
}

void DirectPaths::on_peer_gone(const multiformats::PeerId& peer) {
  drop(peer);
  if (context_->config.direct_client != nullptr) context_->config.direct_client->forget(peer);
}

void DirectPaths::drop(const multiformats::PeerId& peer) {
  auto known = paths_.find(peer);
  if (known == paths_.end()) return;
  known->second->gone = true;
  paths_.erase(known);
  context_->closing_changed.notify_all();
}

/// The last that is up: one on a superseded connection came up first.
std::shared_ptr<Session> DirectPaths::session_of(Path& path) {
  for (auto at = path.sessions.rbegin(); at != path.sessions.rend(); ++at) {
    auto session = at->lock();
    if (session && session->is_up()) return session;
  }
  return nullptr;
}

base::Task<> DirectPaths::keep_open(std::shared_ptr<NodeContext> context, std::shared_ptr<Path> path) {
  base::Duration delay = kReopenDelay;
  while (!context->closing && !path->gone) {
    const base::TimePoint began = context->clock.now();
    const bool again = co_await open(context, path);
    path->tried = true;
    context->closing_changed.notify_all();
    if (!again) co_return;
    co_await wait_ended(context, path);
    // One that held for a while has nothing to do with those before it.
    if (context->clock.now() - began >= kReopenDelayMax) delay = kReopenDelay;
    co_await wait(context, path, delay);
    delay = std::min(2 * delay, kReopenDelayMax);
  }
}

base::Task<> DirectPaths::wait_opening(std::shared_ptr<Session> session, base::TimePoint deadline) {
  const auto known = paths_.find(session->peer());
  if (known == paths_.end() || !is_on_this_host(*session->connection())) co_return;
  const auto path = known->second;
  const auto context = context_;
  const base::TimePoint end = std::min(deadline, path->since + kDirectOpenPatience);
  const auto opening = [&] { return !context->closing && !path->gone && !path->tried; };
  bool due = context->clock.now() >= end;
  if (due || !opening()) co_return;
  const auto timer = context->clock.call_at(end, [&due, raw = context.get()] {
    due = true;
    raw->closing_changed.notify_all();
  });
  while (!due && opening()) co_await context->closing_changed.wait();
}

bool DirectPaths::is_opening() const {
  return std::any_of(paths_.begin(), paths_.end(), [](const auto& known) {
    const auto session = session_of(*known.second);
    return session && !known.second->tried && is_on_this_host(*session->connection());
  });
}

base::Task<bool> DirectPaths::open(std::shared_ptr<NodeContext> context, std::shared_ptr<Path> path) {
  DirectClient& client = *context->config.direct_client;
  const base::TimePoint deadline = context->clock.now() + kDirectOpenTimeout;
  auto session = session_of(*path);
  if (!session) co_return true;  // the next one is coming, or the peer is about to be gone
  auto ticket = co_await session->ask_direct_ticket(deadline);
  session.reset();
  // While the ticket was under way the peer may have been forgotten.
  if (context->closing || path->gone) co_return false;
  if (!ticket) {
    const std::string reason = "no ticket: " + ticket.error().message();
    client.set_why_not(path->peer, reason);
    note_why_not(*context, path->peer, reason);
    co_return true;
  }
  DirectTicket shown = std::move(*ticket);
  auto opened = co_await client.open(path->peer, std::move(shown), deadline);
  if (opened) co_return true;
  if (context->closing || path->gone) co_return false;
  note_why_not(*context, path->peer, client.why_not(path->peer, 0));
  co_return !is_for_good(opened.error());
}

base::Task<> DirectPaths::wait_ended(std::shared_ptr<NodeContext> context, std::shared_ptr<Path> path) {
  DirectClient& client = *context->config.direct_client;
  while (!context->closing && !path->gone && client.has_session(path->peer)) {
    co_await context->closing_changed.wait();
  }
}

base::Task<> DirectPaths::wait(std::shared_ptr<NodeContext> context, std::shared_ptr<Path> path, base::Duration time) {
  bool due = false;
  auto timer = context->clock.call_at(context->clock.now() + time, [&due, raw = context.get()] {
    due = true;
    raw->closing_changed.notify_all();
  });
  while (!due && !context->closing && !path->gone) co_await context->closing_changed.wait();
}

}  // namespace kvp2p
