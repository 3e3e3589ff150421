#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/protocols/relay/client_impl.h"
#include "libp2p/protocols/relay/voucher.h"

#include <algorithm>

namespace libp2p::relay {

using multiformats::Multiaddr;

namespace {

/// A reservation is renewed when this part of its time is left, and asked for anew at least so often, and at most.
constexpr int kRenewalPart = 4;
constexpr base::Duration kRenewalMin = std::chrono::seconds(10);
constexpr base::Duration kRenewalMax = std::chrono::hours(12);

/// What a relay says of itself is bounded, and may be anything: where it names no address that can be used, the one
/// that it was reached at stands for it.
std::vector<Multiaddr> circuit_addresses(const Reservation& reservation, const Connection& relay) {
  std::vector<Multiaddr> circuits;
  for (const Multiaddr& address : reservation.addresses) {
    auto circuit = make_circuit_address(address, relay.remote_peer());
    if (circuit && std::ranges::find(circuits, *circuit) == circuits.end()) circuits.push_back(std::move(*circuit));
  }
  if (!circuits.empty()) return circuits;
  if (auto circuit = make_circuit_address(relay.remote_address(), relay.remote_peer())) circuits.push_back(*circuit);
  return circuits;
}

}  // namespace

base::Result<RelaySlotPtr> Client::Impl::add(const Multiaddr& address) {
  if (closed_) return Error::kClosing;
  auto where = CircuitAddress::parse(address);
  if (!where) return where.error();
  if (where->target && *where->target != host_.peer_id()) return Error::kUnsupportedAddress;
  if (slots_.size() >= kRelaysMax) return Error::kTooManyConnections;
  const auto same = [&](const RelaySlotPtr& each) { return each->where.relay == where->relay; };
  if (std::ranges::any_of(slots_, same)) return boost::asio::error::make_error_code(boost::asio::error::address_in_use);
  auto slot = std::make_shared<RelaySlot>(executor_, std::move(*where), address.without_peer());
  slot->state.failure = Error::kNotConnected;
  slots_.push_back(slot);
  tasks_.spawn(keep_reservation(shared_from_this(), slot));
  return slot;
}

void Client::Impl::remove(const RelaySlotPtr& slot) noexcept {
  if (slot->closed) return;
  slot->closed = true;
  slot->arrived.clear();
  slot->state.addresses.clear();
  slot->state.has_reservation = false;
  std::erase(slots_, slot);
  slot->changed.notify_all();
}

base::Task<> Client::Impl::keep_reservation(Self self, RelaySlotPtr slot) {
  base::Duration backoff = kReserveBackoffMin;
  while (!slot->closed && !self->closed_) {
    slot->lost = false;
    auto granted = co_await reserve(self, slot);
    if (slot->closed || self->closed_) break;
    if (granted) {
      backoff = kReserveBackoffMin;
      const base::Duration renewal = *granted - *granted / kRenewalPart;
      co_await wait(self, slot, std::clamp(renewal, kRenewalMin, kRenewalMax));
      if (!slot->lost) continue;
      self->drop(*slot, Error::kConnectionClosed);
    } else {
      self->drop(*slot, granted.error());
    }
    slot->lost = false;
    co_await wait(self, slot, self->jittered(backoff));
    backoff = std::min(2 * backoff, kReserveBackoffMax);
  }
}

base::Task<base::Result<base::Duration>> Client::Impl::reserve(Self self, RelaySlotPtr slot) {
  const base::TimePoint deadline = self->clock_.now() + kClientStepTimeout;
  std::stop_token stop = self->stop_.get_token();
  auto relay = co_await reach_by(self, slot->where, deadline, stop);
  if (!relay) co_return relay.error();
  HopMessage request;
  request.type = HopMessage::Type::kReserve;
  auto answer = co_await ask(self, *relay, std::move(request), deadline, stop);
  if (!answer) co_return answer.error();
  (void)co_await answer->stream->close_write();
  if (slot->closed) co_return Error::kClosing;
  co_return self->take(*slot, **relay, answer->message);
}

base::Result<base::Duration> Client::Impl::take(RelaySlot& slot, const Connection& relay, const HopMessage& granted) {
  if (!granted.reservation) return Errc::kBadReservation;
  const Reservation& reservation = *granted.reservation;
  const std::uint64_t now_s = config_.unix_time_s();
  if (reservation.expire_unix_s <= now_s) return Errc::kBadReservation;
  if (!reservation.voucher.empty()) {
    const auto voucher = open_voucher(reservation.voucher);
    if (!voucher) return voucher.error();
    if (voucher->relay != relay.remote_peer() || voucher->peer != host_.peer_id()) return Errc::kBadReservation;
  }
  auto addresses = circuit_addresses(reservation, relay);
  const bool is_new = !slot.state.has_reservation || slot.state.addresses != addresses;
  slot.state.addresses = std::move(addresses);
  slot.state.has_reservation = true;
  slot.state.is_unlimited = !granted.limit.is_limited();
  slot.state.failure = {};
  if (is_new) {
    LOG_INFO("reachable through the relay {}", relay.remote_peer().short_text());
    tell_changed();
  }
  constexpr auto kLongest = std::chrono::duration_cast<std::chrono::seconds>(kRenewalMax);
  const auto left_s = std::min<std::uint64_t>(reservation.expire_unix_s - now_s, 2 * kLongest.count());
  return base::Duration(std::chrono::seconds(left_s));
}

void Client::Impl::drop(RelaySlot& slot, const base::Error& why) {
  const bool had_one = slot.state.has_reservation;
  // Once for each new reason, not for each attempt.
  if (had_one || slot.state.failure != why) {
    LOG_WARN("no reservation at the relay {}: {}", slot.where.relay.short_text(), why.message());
  }
  slot.state.has_reservation = false;
  slot.state.addresses.clear();
  slot.state.failure = why;
  if (had_one) tell_changed();
}

void Client::Impl::tell_changed() {
  host_.addresses_changed();
  const auto calls = changed_calls_;
  for (const auto& call : calls) call();
}

base::Task<> Client::Impl::wait(Self self, RelaySlotPtr slot, base::Duration time) {
  bool is_over = false;
  const auto timer = self->clock_.call_at(self->clock_.now() + time, [&is_over, &slot] {
    is_over = true;
    slot->changed.notify_all();
  });
  while (!is_over && !slot->closed && !slot->lost && !self->closed_) co_await slot->changed.wait();
}

base::Duration Client::Impl::jittered(base::Duration time) {
  return base::Duration(std::uniform_int_distribution<base::Duration::rep>(time.count() / 2, time.count())(random_));
}

}  // namespace libp2p::relay
