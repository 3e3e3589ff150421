// What the server's own thread does.
#include "base/log.h"
#include "direct/server_impl.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>

namespace kvp2p::direct {

namespace {

/// Longest wait while there is something that no event tells of.
constexpr int kRetryMs = 5;
constexpr int kHelloCheckMs = 100;

}  // namespace

void ServerImpl::run() {
  for (;;) {
    const Sessions now = sessions();
    wait_for_events(now);
    {
      std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    export_new_regions();
    take_back_removed();
    accept_all();
    for (const auto& session : now) serve(session);
    drop_ended();
  }
  std::lock_guard lock(mutex_);
  for (const auto& session : sessions_) session->link.end();
  sessions_.clear();
  stopped_ = true;
  closed_.notify_all();
}

void ServerImpl::wait_for_events(const Sessions& sessions) {
  std::vector<pollfd> waits{{waker_.fd(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
  int wait_ms = -1;
  for (const auto& session : sessions) {
    const bool waiting = session->link.has_waiting() && !session->link.must_retry();
    waits.push_back({session->link.fd(), static_cast<short>(waiting ? POLLIN | POLLOUT : POLLIN), 0});
    if (session->link.must_retry()) {
      wait_ms = kRetryMs;
    } else if (!session->welcomed && wait_ms < 0) {
      wait_ms = kHelloCheckMs;
    }
  }
  ::poll(waits.data(), waits.size(), wait_ms);
  waker_.clear();
}

void ServerImpl::accept_all() {
  for (;;) {
    base::UniqueFd fd = accept_one(listener_.get());
    if (!fd) {
      // Nothing tells when there are descriptors again.
      if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(std::chrono::milliseconds(kRetryMs));
      return;
    }
    auto session = std::make_shared<ReaderSession>(std::move(fd));
    session->hello_until = clock_.now() + kDirectHelloTimeout;
    const std::string refusal = why_refused(session->link.fd());
    if (!refusal.empty()) {
      session->link.send(Refused{refusal});
      continue;
    }
    std::lock_guard lock(mutex_);
    sessions_.push_back(std::move(session));
  }
}

std::string ServerImpl::why_refused(int fd) const {
  auto user = peer_user(fd);
  if (!user) return "the user at the other end is not known";
  if (*user != ::geteuid()) {
    return "the owner runs as user " + std::to_string(::geteuid()) + ", the reader as user " + std::to_string(*user);
  }
  std::lock_guard lock(mutex_);
  const auto strangers = std::count_if(sessions_.begin(), sessions_.end(), [](const auto& s) { return !s->welcomed; });
  if (static_cast<std::size_t>(strangers) >= kDirectStrangersMax) return "too many connections at once";
  return {};
}

void ServerImpl::export_new_regions() {
  std::vector<RegionId> ids;
  {
    std::lock_guard lock(mutex_);
    ids.swap(to_export_);
  }
  for (const RegionId id : ids) {
    auto exported = connector_.export_region(id);
    if (!exported) {
      LOG_INFO("region {} is not shared in place: {}", static_cast<std::uint64_t>(id), exported.error().message());
      continue;
    }
    auto shared = std::make_shared<const RegionExport>(std::move(*exported));
    std::lock_guard lock(mutex_);
    auto found = regions_.find(id);
    if (found == regions_.end()) continue;
    if (shared->layout.slots() > found->second->generations.slots() || shared->pieces.empty() ||
        shared->pieces.size() > kExportPiecesMax) {
      LOG_WARN("region {} is not shared in place: its layout or pieces are out of bounds",
               static_cast<std::uint64_t>(id));
      continue;
    }
    found->second->exported = std::move(shared);
    for (const auto& session : sessions_) {
      if (session->welcomed) send_region(*session, *found->second);
    }
  }
}

void ServerImpl::send_region(ReaderSession& session, const OwnedRegion& region) {
  if (!session.sent.insert(region.id).second) return;
  const auto id = static_cast<std::uint64_t>(region.id);
  const auto& exported = region.exported;
  // The export keeps the pieces' descriptors; the table's is duplicated, for the region may go before it is sent.
  auto table = std::make_shared<base::UniqueFd>(::fcntl(region.generations.descriptor(), F_DUPFD_CLOEXEC, 0));
  if (!*table) return session.link.end();
  session.link.send(describe_export(*exported, id, region.generations.slots()), {table->get()}, table);
  for (std::size_t first = 0; first < exported->pieces.size(); first += kDirectPiecesPerMessage) {
    Pieces message;
    std::vector<int> descriptors;
    const std::size_t end = std::min(exported->pieces.size(), first + kDirectPiecesPerMessage);
    for (std::size_t i = first; i < end; ++i) {
      const ExportPiece& piece = exported->pieces[i];
      message.pieces.push_back({piece.handle, piece.bytes, static_cast<bool>(piece.fd)});
      if (piece.fd) descriptors.push_back(piece.fd.get());
    }
    session.link.send(message, std::move(descriptors), exported);
  }
}

void ServerImpl::take_back_removed() {
  std::lock_guard lock(mutex_);
  for (const RegionId id : to_take_back_) {
    for (const auto& session : sessions_) {
      session->opened.erase(id);
      if (session->sent.contains(id)) session->link.send(TakenBack{static_cast<std::uint64_t>(id)});
    }
  }
  to_take_back_.clear();
}

void ServerImpl::serve(const std::shared_ptr<ReaderSession>& session) {
  session->link.flush();
  for (int turn = 0; turn < kDirectMessagesPerTurn; ++turn) {
    Message message;
    std::vector<base::UniqueFd> descriptors;
    const auto received = session->link.receive(message, descriptors);
    if (received != PacketLink::Received::kMessage) break;
    // A reader has no descriptors to give.
    if (descriptors.empty() && on_message(*session, message)) continue;
    LOG_DEBUG("a reader broke the protocol of the direct path");
    return session->link.end();
  }
  if (!session->welcomed && clock_.now() >= session->hello_until) session->link.end();
}

bool ServerImpl::on_message(ReaderSession& session, const Message& message) {
  if (const auto* hello = std::get_if<Hello>(&message)) return !session.welcomed && welcome(session, *hello);
  if (!session.welcomed) return false;
  std::lock_guard lock(mutex_);
  if (const auto* opened = std::get_if<Opened>(&message)) {
    const RegionId id{opened->region};
    if (!session.sent.contains(id)) return false;
    if (!regions_.contains(id)) return true;  // being taken back
    return session.opened.insert(id).second;
  }
  if (const auto* closed = std::get_if<Closed>(&message)) {
    const RegionId id{closed->region};
    session.opened.erase(id);
    if (session.sent.erase(id) == 0) return false;
    closed_.notify_all();
    return true;
  }
  if (!std::holds_alternative<Settled>(message) || session.settled) return false;
  session.settled = true;
  session.link.send(Settled{});
  return true;
}

bool ServerImpl::welcome(ReaderSession& session, const Hello& hello) {
  const auto refuse = [&](std::string reason) {
    session.link.send(Refused{std::move(reason)});
    return false;
  };
  if (hello.version != 1) return refuse("the owner speaks version 1 of the direct path");
  auto marks = MarkWatch::create();
  std::lock_guard lock(mutex_);
  const auto peer = tickets_.take(hello.nonce, clock_.now());
  if (!peer) return refuse("the ticket is not known, was used before, or is older than ten seconds");
  if (!marks) return refuse("the owner is out of memory or descriptors");
  std::size_t readers = 0;
  for (const auto& other : sessions_) {
    if (!other->welcomed || other->link.has_ended()) continue;
    if (other->peer == *peer) {
      other->link.end();  // the peer has begun anew
    } else {
      ++readers;
    }
  }
  if (readers >= kDirectReadersMax) return refuse("the owner has too many readers");
  session.peer = *peer;
  session.marks = std::move(*marks);
  session.welcomed = true;
  session.link.send(Welcome{}, {session.marks.descriptor()});
  for (const auto& [id, region] : regions_) {
    if (region->exported) send_region(session, *region);
  }
  session.link.send(AllSent{});
  return true;
}

void ServerImpl::drop_ended() {
  std::lock_guard lock(mutex_);
  const auto dropped = std::erase_if(sessions_, [](const auto& session) { return session->link.has_ended(); });
  if (dropped > 0) closed_.notify_all();
}

}  // namespace kvp2p::direct
