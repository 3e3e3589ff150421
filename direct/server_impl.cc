#include "direct/server_impl.h"

#include "base/log.h"

#include <algorithm>

namespace kvp2p {

base::Result<std::unique_ptr<DirectServer>> DirectServer::start(const base::Executor& executor, base::Clock& clock,
                                                                GpuConnector& connector) {
  return direct::ServerImpl::start(executor, clock, connector);
}

namespace direct {

namespace {

/// How long a waiter for reads sleeps between looks: they end by a store to memory, which wakes nobody.
constexpr auto kLookInterval = std::chrono::microseconds(20);

std::string random_name() {
  std::array<std::uint8_t, 16> bytes;
  base::random_bytes(bytes);
  return "kv-cache-p2p-" + base::to_hex(bytes);
}

}  // namespace

base::Result<std::unique_ptr<DirectServer>> ServerImpl::start(const base::Executor& executor, base::Clock& clock,
                                                              GpuConnector& connector) {
  const std::string name = random_name();
  auto listener = listen_at(name, static_cast<int>(kDirectStrangersMax));
  if (!listener) return listener.error();
  auto server = std::make_unique<ServerImpl>(executor, clock, connector, name, std::move(*listener));
  if (!server->waker_) return base::Error(EMFILE, boost::system::system_category());
  server->thread_ = std::thread([at = server.get()] { at->run(); });
  return std::unique_ptr<DirectServer>(std::move(server));
}

ServerImpl::ServerImpl(const base::Executor& executor, base::Clock& clock, GpuConnector& connector, std::string name,
                       base::UniqueFd listener)
    : executor_(executor),
      clock_(clock),
      connector_(connector),
      name_(std::move(name)),
      listener_(std::move(listener)) {}

ServerImpl::~ServerImpl() { stop(); }

void ServerImpl::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  waker_.wake();
  if (thread_.joinable()) thread_.join();
}

void ServerImpl::add_region(RegionId region, std::uint32_t slots) {
  const auto id = static_cast<std::uint64_t>(region);
  if (slots == 0 || slots > kDirectSlotsMax) {
    LOG_WARN("region {} has {} slots: it is not shared in place (1 to {} can be)", id, slots, kDirectSlotsMax);
    return;
  }
  auto generations = GenerationTable::create(slots);
  if (!generations) {
    LOG_WARN("region {} is not shared in place: no memory for its generations", id);
    return;
  }
  auto owned = std::make_shared<OwnedRegion>();
  owned->id = region;
  owned->generations = std::move(*generations);
  {
    std::lock_guard lock(mutex_);
    if (regions_.size() >= kDirectRegionsMax) {
      LOG_WARN("region {} is not shared in place: there are {} already", id, regions_.size());
      return;
    }
    if (!regions_.emplace(region, std::move(owned)).second) return;
    to_export_.push_back(region);
  }
  waker_.wake();
}

void ServerImpl::remove_region(RegionId region) {
  std::unique_lock lock(mutex_);
  auto found = regions_.find(region);
  if (found == regions_.end()) return;
  GenerationTable& generations = found->second->generations;
  for (Slot slot = 0; slot < generations.slots(); ++slot) generations.raise(slot);
  GenerationTable::raise_fence();
  remember_reads_locked();
  regions_.erase(found);
  to_take_back_.push_back(region);
  waker_.wake();
  const auto is_closed = [&] {
    return stopped_ || std::none_of(sessions_.begin(), sessions_.end(), [&](const auto& session) {
             return !session->link.has_ended() && session->sent.contains(region);
           });
  };
  if (closed_.wait_for(lock, kDirectCloseWait, is_closed)) return;
  for (const auto& session : sessions_) {
    if (!session->sent.contains(region)) continue;
    LOG_WARN("peer {} did not let go of region {} in time: its direct path is ended", session->peer.short_text(),
             static_cast<std::uint64_t>(region));
    session->link.end();
  }
  waker_.wake();
}

std::uint64_t ServerImpl::generation(RegionId region, Slot slot) const {
  std::lock_guard lock(mutex_);
  auto found = regions_.find(region);
  if (found == regions_.end() || slot >= found->second->generations.slots()) return 0;
  return found->second->generations.get(slot);
}

void ServerImpl::raise(RegionId region, std::span<const Slot> slots) {
  std::lock_guard lock(mutex_);
  auto found = regions_.find(region);
  if (found == regions_.end()) return;
  GenerationTable& generations = found->second->generations;
  for (const Slot slot : slots) {
    if (slot < generations.slots()) generations.raise(slot);
  }
  // A read either is seen now or begins later, and then sees the new generation.
  GenerationTable::raise_fence();
  remember_reads_locked();
}

void ServerImpl::remember_reads_locked() {
  for (const auto& session : sessions_) {
    if (session->welcomed) session->marks.remember();
  }
}

bool ServerImpl::has_old_reads_locked() const {
  return std::any_of(sessions_.begin(), sessions_.end(), [](const auto& session) {
    return session->welcomed && !session->link.has_ended() && session->marks.has_old();
  });
}

bool ServerImpl::has_old_reads() const {
  std::lock_guard lock(mutex_);
  return has_old_reads_locked();
}

bool ServerImpl::wait_readers(base::TimePoint deadline) {
  while (has_old_reads()) {
    if (clock_.now() < deadline) {
      std::this_thread::sleep_for(kLookInterval);
      continue;
    }
    std::lock_guard lock(mutex_);
    for (const auto& session : sessions_) {
      if (!session->welcomed || session->link.has_ended() || !session->marks.has_old()) continue;
      LOG_WARN("peer {} has not ended its reads in time: its direct path is ended", session->peer.short_text());
      session->link.end();
    }
    waker_.wake();
    return false;
  }
  return true;
}

DirectTicket ServerImpl::issue_ticket(const multiformats::PeerId& peer) {
  std::lock_guard lock(mutex_);
  return {name_, tickets_.issue(peer, clock_.now())};
}

bool ServerImpl::is_open_at(const multiformats::PeerId& peer, RegionId region) const {
  std::lock_guard lock(mutex_);
  return regions_.contains(region) && std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& session) {
           return session->welcomed && session->peer == peer && !session->link.has_ended() &&
                  session->opened.contains(region);
         });
}

base::Task<> ServerImpl::close() {
  stop();
  co_return;
}

ServerImpl::Sessions ServerImpl::sessions() const {
  std::lock_guard lock(mutex_);
  return sessions_;
}

}  // namespace direct

}  // namespace kvp2p
