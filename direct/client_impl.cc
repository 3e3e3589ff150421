#include "direct/client_impl.h"

#include "direct/error.h"

#include <boost/asio/post.hpp>

namespace kvp2p {

std::unique_ptr<DirectClient> DirectClient::create(const base::Executor& executor, base::Clock& clock,
                                                   GpuConnector& connector) {
  return std::make_unique<direct::ClientImpl>(executor, clock, connector);
}

namespace direct {

ClientImpl::ClientImpl(const base::Executor& executor, base::Clock& clock, GpuConnector& connector)
    : executor_(executor),
      clock_(clock),
      connector_(connector),
      closer_(std::make_shared<ImportCloser>(connector, [waker = waker_] { waker->wake(); })) {
  thread_ = std::thread([this] { run(); });
}

ClientImpl::~ClientImpl() { stop(); }

void ClientImpl::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  waker_->wake();
  if (thread_.joinable()) thread_.join();
}

base::Task<base::Result<>> ClientImpl::open(multiformats::PeerId peer, DirectTicket ticket, base::TimePoint deadline) {
  auto call = std::make_shared<OpenCall>(executor_, std::move(peer), std::move(ticket), deadline);
  {
    std::lock_guard lock(mutex_);
    if (stopping_) co_return DirectError::kClosing;
    calls_.push_back(call);
  }
  waker_->wake();
  while (!call->done) co_await call->changed.wait();
  co_return call->outcome;
}

/// The client's thread.
void ClientImpl::answer(std::shared_ptr<OpenCall>& call, base::Result<> outcome) {
  if (!call) return;
  boost::asio::post(executor_, [call = std::move(call), outcome] {
    call->outcome = outcome;
    call->done = true;
    call->changed.notify_all();
  });
  call = nullptr;
}

void ClientImpl::note_reason(const multiformats::PeerId& peer, std::string reason) {
  std::lock_guard lock(mutex_);
  if (reasons_.size() >= kDirectReasonsMax && !reasons_.contains(peer)) return;
  reasons_[peer] = std::move(reason);
}

void ClientImpl::set_why_not(const multiformats::PeerId& peer, std::string reason) {
  note_reason(peer, std::move(reason));
}

std::shared_ptr<PeerRegion> ClientImpl::find(const multiformats::PeerId& peer, std::uint64_t region) const {
  std::lock_guard lock(mutex_);
  auto session = sessions_.find(peer);
  if (session == sessions_.end() || session->second->owner->link.has_ended()) return nullptr;
  auto found = session->second->regions.find(region);
  return found == session->second->regions.end() ? nullptr : found->second;
}

bool ClientImpl::has_session(const multiformats::PeerId& peer) const {
  std::lock_guard lock(mutex_);
  auto session = sessions_.find(peer);
  return session != sessions_.end() && !session->second->owner->link.has_ended();
}

void ClientImpl::on_session_ended(std::function<void()> call) {
  std::lock_guard lock(mutex_);
  on_session_ended_ = std::move(call);
}

std::string ClientImpl::why_not(const multiformats::PeerId& peer, std::uint64_t region) const {
  std::lock_guard lock(mutex_);
  auto session = sessions_.find(peer);
  if (session == sessions_.end()) {
    auto reason = reasons_.find(peer);
    return reason == reasons_.end() ? "no direct path was agreed with the peer" : reason->second;
  }
  if (session->second->owner->link.has_ended()) return make_error_code(DirectError::kOwnerGone).message();
  auto reason = session->second->why_not.find(region);
  if (reason != session->second->why_not.end()) return reason->second;
  return "the peer has not handed over that region";
}

std::string ClientImpl::why_not_opened(const multiformats::PeerId& peer) const {
  std::lock_guard lock(mutex_);
  auto session = sessions_.find(peer);
  if (session == sessions_.end() || session->second->why_not.empty()) return {};
  return session->second->why_not.begin()->second;
}

void ClientImpl::forget(const multiformats::PeerId& peer) {
  std::lock_guard lock(mutex_);
  reasons_.erase(peer);
  auto session = sessions_.find(peer);
  if (session != sessions_.end()) session->second->owner->link.end();
  for (const auto& call : calls_) {
    if (call->peer == peer) call->forgotten = true;
  }
  waker_->wake();
}

base::Task<> ClientImpl::close() {
  stop();
  // The thread has answered all calls: let them return.
  co_await base::yield_now();
}

}  // namespace direct

}  // namespace kvp2p
