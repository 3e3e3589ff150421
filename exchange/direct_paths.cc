#include "exchange/direct_paths.h"

#include "base/log.h"
#include "direct/direct_client.h"
#include "exchange/limits.h"

namespace kvp2p {

namespace {

void note_why_not(NodeContext& context, const multiformats::PeerId& peer, const std::string& reason) {
  if (!context.log_once.first(peer, "no direct path")) return;
  LOG_INFO("no direct path to peer {}: {}", peer.short_text(), printable(reason));
}

}  // namespace

void DirectPaths::on_session_up(const std::shared_ptr<Session>& session) {
  DirectClient* client = context_->config.direct_client;
  if (client == nullptr) return;
  const multiformats::PeerId& peer = session->peer();
  if (!session->offers_direct()) {
    client->set_why_not(peer, "the peer offers no direct path");
    return note_why_not(*context_, peer, "the peer offers no direct path");
  }
  auto asked = asked_->find(peer);
  if (asked != asked_->end() && asked->second == session->epoch_of_peer()) return;
  (*asked_)[peer] = session->epoch_of_peer();
  spawn_counted(context_, open(context_, asked_, session));
}

void DirectPaths::on_peer_gone(const multiformats::PeerId& peer) {
  asked_->erase(peer);
  if (context_->config.direct_client != nullptr) context_->config.direct_client->forget(peer);
}

base::Task<> DirectPaths::open(std::shared_ptr<NodeContext> context, std::shared_ptr<Asked> asked,
                               std::shared_ptr<Session> session) {
  DirectClient& client = *context->config.direct_client;
  const base::TimePoint deadline = context->clock.now() + kDirectOpenTimeout;
  const multiformats::PeerId peer = session->peer();
  auto ticket = co_await session->ask_direct_ticket(deadline);
  if (context->closing) co_return;
  if (!ticket) {
    // Another session with the peer may be luckier.
    if (!session->is_up()) asked->erase(peer);
    const std::string reason = "no ticket: " + ticket.error().message();
    client.set_why_not(peer, reason);
    co_return note_why_not(*context, peer, reason);
  }
  // While the ticket was under way the peer may have been forgotten.
  if (!asked->contains(peer)) co_return;
  DirectTicket shown = std::move(*ticket);
  auto opened = co_await client.open(peer, std::move(shown), deadline);
  if (!opened && !context->closing) note_why_not(*context, peer, client.why_not(peer, 0));
}

}  // namespace kvp2p
