// What the client's own thread does.
#include "base/log.h"
#include "direct/client_impl.h"
#include "direct/error.h"
#include "gpu/error.h"

#include <poll.h>

#include <boost/asio/post.hpp>

#include <algorithm>

namespace kvp2p::direct {

namespace {

constexpr int kRetryMs = 5;
/// How often deadlines are looked at: they are of the caller's clock.
constexpr int kDeadlineCheckMs = 20;

base::Error why_not_connected(base::Error error) {
  if (error == boost::system::errc::connection_refused) return DirectError::kNoListener;
  if (error == boost::system::errc::too_many_files_open) return DirectError::kNoDescriptors;
  return error;
}

/// A peer's text for people: printable ASCII, the rest as '?'.
std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return text;
}

}  // namespace

void ClientImpl::run() {
  for (;;) {
    wait_for_events();
    {
      std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    begin_calls();
    // A copy: sessions end while they are served.
    for (const auto& [peer, session] : std::map(sessions_)) serve(*session);
    tell_closed();
  }
  for (const auto& [peer, session] : std::map(sessions_)) end_session(*session, DirectError::kClosing);
  std::vector<std::shared_ptr<OpenCall>> calls;
  {
    std::lock_guard lock(mutex_);
    calls.swap(calls_);
  }
  for (auto& call : calls) answer(call, DirectError::kClosing);
  closer_->stop();
}

void ClientImpl::wait_for_events() {
  std::vector<pollfd> waits{{waker_->fd(), POLLIN, 0}};
  int wait_ms = -1;
  for (const auto& [peer, session] : sessions_) {
    const PacketLink& link = session->owner->link;
    const bool waiting = link.has_waiting() && !link.must_retry();
    waits.push_back({link.fd(), static_cast<short>(waiting ? POLLIN | POLLOUT : POLLIN), 0});
    if (session->call && wait_ms < 0) wait_ms = kDeadlineCheckMs;
    if (link.must_retry()) wait_ms = kRetryMs;
  }
  ::poll(waits.data(), waits.size(), wait_ms);
  waker_->clear();
}

void ClientImpl::begin_calls() {
  std::vector<std::shared_ptr<OpenCall>> calls;
  {
    std::lock_guard lock(mutex_);
    calls.swap(calls_);
    for (auto& call : calls) {
      if (call->forgotten) answer(call, DirectError::kForgotten);
    }
  }
  for (const auto& call : calls) {
    if (call) begin_call(call);
  }
}

void ClientImpl::begin_call(const std::shared_ptr<OpenCall>& call) {
  const auto fail = [&](base::Error error, std::string detail = {}) {
    note_reason(call->peer, detail.empty() ? error.message() : std::move(detail));
    auto copy = call;
    answer(copy, error);
  };
  if (auto before = sessions_.find(call->peer); before != sessions_.end()) {
    // The peer begins anew: its last ticket counts.
    const std::shared_ptr<OwnerSession> session = before->second;
    end_session(*session, DirectError::kOwnerGone);
  }
  if (sessions_.size() >= kDirectOwnersMax) return fail(DirectError::kTooManyOwners);
  auto socket = connect_to(call->ticket.socket_name);
  if (!socket) return fail(why_not_connected(socket.error()));
  auto user = peer_user(socket->get());
  if (!user || *user != ::geteuid()) {
    return fail(DirectError::kOtherUser, "the peer runs as user " + (user ? std::to_string(*user) : "unknown") +
                                             ", this node as user " + std::to_string(::geteuid()));
  }
  auto session = std::make_shared<OwnerSession>();
  session->peer = call->peer;
  session->owner = std::make_shared<OwnerLink>(std::move(*socket));
  session->call = call;
  session->owner->link.send(Hello{1, call->ticket.nonce});
  std::lock_guard lock(mutex_);
  sessions_.emplace(call->peer, std::move(session));
}

void ClientImpl::serve(OwnerSession& session) {
  PacketLink& link = session.owner->link;
  link.flush();
  for (int turn = 0; turn < kDirectMessagesPerTurn; ++turn) {
    Message message;
    std::vector<base::UniqueFd> descriptors;
    const auto received = link.receive(message, descriptors);
    if (received == PacketLink::Received::kNothing) break;
    if (received == PacketLink::Received::kEnd) return end_session(session, DirectError::kOwnerGone);
    if (const auto* refused = std::get_if<Refused>(&message)) {
      return end_session(session, DirectError::kRefused, "the peer refused: " + printable(refused->reason));
    }
    auto good = on_message(session, message, std::move(descriptors));
    if (!good) return end_session(session, good.error());
  }
  if (session.call && clock_.now() >= session.call->deadline) end_session(session, DirectError::kTimeout);
}

base::Result<> ClientImpl::on_message(OwnerSession& session, const Message& message,
                                      std::vector<base::UniqueFd> descriptors) {
  if (std::holds_alternative<Welcome>(message)) return on_welcome(session, std::move(descriptors));
  if (!session.welcomed) return DirectError::kBrokenProtocol;
  if (const auto* region = std::get_if<Region>(&message)) return on_region(session, *region, std::move(descriptors));
  if (const auto* pieces = std::get_if<Pieces>(&message)) return on_pieces(session, *pieces, std::move(descriptors));
  if (!descriptors.empty()) return DirectError::kBrokenProtocol;
  if (const auto* taken = std::get_if<TakenBack>(&message)) return on_taken_back(session, taken->region);
  if (!session.call) return DirectError::kBrokenProtocol;
  if (std::holds_alternative<AllSent>(message) && !session.all_sent) {
    session.all_sent = true;
    session.owner->link.send(Settled{});
    return {};
  }
  if (!std::holds_alternative<Settled>(message) || !session.all_sent) return DirectError::kBrokenProtocol;
  answer(session.call, {});
  return {};
}

base::Result<> ClientImpl::on_welcome(OwnerSession& session, std::vector<base::UniqueFd> descriptors) {
  if (session.welcomed || descriptors.size() != 1) return DirectError::kBrokenProtocol;
  auto marks = MarkSet::open(descriptors[0].get());
  if (!marks) return DirectError::kBrokenProtocol;
  session.owner->marks = std::move(*marks);
  session.welcomed = true;
  return {};
}

base::Result<> ClientImpl::on_region(OwnerSession& session, const Region& region,
                                     std::vector<base::UniqueFd> descriptors) {
  if (session.coming || descriptors.size() != 1) return DirectError::kBrokenProtocol;
  if (session.regions.contains(region.id) || session.why_not.contains(region.id)) return DirectError::kBrokenProtocol;
  if (session.regions.size() + session.why_not.size() >= kDirectRegionsMax) return DirectError::kBrokenProtocol;
  session.coming = region;
  session.coming_generations = std::move(descriptors[0]);
  return {};
}

base::Result<> ClientImpl::on_pieces(OwnerSession& session, const Pieces& pieces,
                                     std::vector<base::UniqueFd> descriptors) {
  if (!session.coming || session.coming_pieces.size() + pieces.pieces.size() > session.coming->pieces) {
    return DirectError::kBrokenProtocol;
  }
  std::size_t next = 0;
  for (const Piece& described : pieces.pieces) {
    ExportPiece& piece = session.coming_pieces.emplace_back();
    piece.handle = described.handle;
    piece.bytes = described.bytes;
    if (!described.has_descriptor) continue;
    if (next == descriptors.size()) return DirectError::kBrokenProtocol;
    piece.fd = std::move(descriptors[next++]);
  }
  if (next != descriptors.size()) return DirectError::kBrokenProtocol;
  if (session.coming_pieces.size() == session.coming->pieces) import_coming(session);
  return {};
}

void ClientImpl::import_coming(OwnerSession& session) {
  const Region region = std::move(*session.coming);
  session.coming.reset();
  const base::UniqueFd generations = std::move(session.coming_generations);
  RegionExport exported = export_of(region);
  exported.pieces = std::exchange(session.coming_pieces, {});
  auto opened = import(session, region, std::move(exported), generations.get());
  std::string reason;
  {
    std::lock_guard lock(mutex_);
    if (opened) {
      session.regions.emplace(region.id, std::move(*opened));
    } else {
      reason = "region " + std::to_string(region.id) + ": " + opened.error().message();
      session.why_not.emplace(region.id, reason);
    }
  }
  if (reason.empty()) return session.owner->link.send(Opened{region.id});
  LOG_INFO("no direct path to {} of peer {}", reason, session.peer.short_text());
  session.owner->link.send(Closed{region.id, reason.substr(0, kDirectReasonBytesMax)});
}

base::Result<std::shared_ptr<OpenRegion>> ClientImpl::import(OwnerSession& session, const Region& region,
                                                             RegionExport exported, int generations) {
  if (exported.layout.slots() > region.slots) return GpuError::kLayoutOutOfBounds;
  if (closer_->is_full()) return DirectError::kTooManyCloses;
  auto view = GenerationView::open(generations, region.slots);
  if (!view) return view.error();
  LayoutDesc layout = exported.layout;
  auto imported = connector_.import_region(std::move(exported));
  if (!imported) return imported.error();
  auto link = connector_.link_of(*imported);
  if (!link) {
    connector_.close_import(*imported);
    return link.error();
  }
  return std::make_shared<OpenRegion>(closer_, session.owner, region.id, *imported, *link, std::move(layout),
                                      std::move(*view));
}

base::Result<> ClientImpl::on_taken_back(OwnerSession& session, std::uint64_t id) {
  std::shared_ptr<OpenRegion> region;  // let go of after the lock
  std::lock_guard lock(mutex_);
  if (session.why_not.erase(id) > 0) return {};
  auto found = session.regions.find(id);
  if (found == session.regions.end()) return DirectError::kBrokenProtocol;
  region = std::move(found->second);
  session.regions.erase(found);
  region->take_back();
  return {};
}

void ClientImpl::end_session(OwnerSession& session, base::Error why, std::string detail) {
  session.owner->link.end();
  note_reason(session.peer, detail.empty() ? why.message() : std::move(detail));
  std::map<std::uint64_t, std::shared_ptr<OpenRegion>> regions;  // let go of after the lock
  std::shared_ptr<OwnerSession> self;
  {
    std::lock_guard lock(mutex_);
    regions = std::move(session.regions);
    auto found = sessions_.find(session.peer);
    self = std::move(found->second);
    sessions_.erase(found);
    if (on_session_ended_) boost::asio::post(executor_, on_session_ended_);
  }
  // Whoever is answered finds the session gone, and the reason there.
  answer(session.call, why);
}

void ClientImpl::tell_closed() {
  for (const ClosedRegion& region : closer_->take_closed()) region.owner->link.send(Closed{region.id, ""});
}

}  // namespace kvp2p::direct
