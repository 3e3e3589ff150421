#include "libp2p/protocols/dcutr/hole_puncher_impl.h"

#include "base/log.h"
#include "libp2p/core/address_reach.h"
#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/core/timed_io.h"

#include <algorithm>

namespace libp2p::dcutr {

using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

/// Upgrades: so many at once, then one an interval. More than that is not honest need, but somebody who has us dial.
constexpr std::size_t kUpgradeBurst = 32;
constexpr base::Duration kUpgradeInterval = std::chrono::seconds(1);

base::Task<> nothing() { co_return; }

bool is_public(const Multiaddr& address) { return reach_of(address) == AddressReach::kPublic; }

}  // namespace

class HolePuncher::Impl::Place {
 public:
  Place(Impl& impl, const PeerId& peer) : impl_(impl), peer_(peer) { impl_.under_way_.insert(peer_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    impl_.under_way_.erase(peer_);
    impl_.changed_.notify_all();
  }

 private:
  Impl& impl_;
  PeerId peer_;
};

HolePuncher::Impl::Impl(const base::Executor& executor, base::Clock& clock, Host& host, HolePuncherConfig config)
    : executor_(executor),
      clock_(clock),
      host_(host),
      config_(std::move(config)),
      tasks_(executor),
      budget_(kUpgradeBurst, kUpgradeInterval),
      changed_(executor) {
  if (!config_.may_dial) config_.may_dial = is_public;
}

void HolePuncher::Impl::start() {
  // The host's events outlive us.
  const std::weak_ptr<Impl> weak = weak_from_this();
  host_.on_connected([weak](ConnectionPtr) {
    if (const auto self = weak.lock()) self->changed_.notify_all();
  });
  host_.on_disconnected([weak](ConnectionPtr connection) {
    if (const auto self = weak.lock()) self->begun_.erase(connection.get());
  });
  host_.on_identified([weak](ConnectionPtr connection) {
    if (const auto self = weak.lock()) self->identified(connection);
  });
  StreamHandler handler = [weak](ConnectionPtr relayed, std::unique_ptr<Stream> stream) {
    const auto self = weak.lock();
    if (self && self->waiting_ < kUpgradesMax && relayed->is_dialler()) {
      self->tasks_.spawn(serve(self, std::move(relayed), std::move(stream)));
    }
    return nothing();
  };
  host_.set_stream_handler(kProtocol, std::move(handler));
}

bool HolePuncher::Impl::may_begin(const Connection& connection) {
  if (closed_ || !is_relayed(connection) || connection.is_closed()) return false;
  const PeerId& peer = connection.remote_peer();
  if (under_way_.contains(peer) || under_way_.size() >= kUpgradesMax || has_direct(peer)) return false;
  Begun& begun = begun_[&connection];
  if (begun.upgrades >= kAttempts) return false;
  // Ours has all its attempts in one; of the other side's each is one.
  const bool is_again = !connection.is_dialler() && begun.upgrades > 0;
  if (is_again && !(begun.lacked_protocol && speaks_protocol(peer))) return false;
  ++begun.upgrades;
  return budget_.take(clock_.now());
}

base::Task<> HolePuncher::Impl::close(Self self) {
  if (!self->closed_) self->host_.remove_stream_handler(kProtocol);
  self->closed_ = true;
  self->changed_.notify_all();
  co_await self->tasks_.wait_until_empty();
}

// We were dialled.

void HolePuncher::Impl::identified(const ConnectionPtr& connection) {
  if (!connection->is_dialler()) tasks_.spawn(upgrade(shared_from_this(), connection));
}

base::Task<> HolePuncher::Impl::upgrade(Self self, ConnectionPtr relayed) {
  if (!self->may_begin(*relayed)) co_return;
  const PeerId peer = relayed->remote_peer();
  const Place place(*self, peer);
  ++self->stats_.begun;
  if (co_await connect_directly(self, peer)) {
    ++self->stats_.direct;
  } else if (!self->speaks_protocol(peer)) {
    // go-libp2p does once it has been told its own address. Identify push brings us here again.
    const auto begun = self->begun_.find(relayed.get());
    if (begun != self->begun_.end()) begun->second.lacked_protocol = true;
    ++self->stats_.failed;
  } else if (co_await punch_as_listener(self, std::move(relayed))) {
    ++self->stats_.punched;
    LOG_INFO("connected directly to {}, through a hole punched in the NAT", peer.short_text());
  } else {
    ++self->stats_.failed;
    LOG_INFO("no direct connection to {}: it stays relayed", peer.short_text());
  }
}

base::Task<bool> HolePuncher::Impl::connect_directly(Self self, PeerId peer) {
  const auto info = self->host_.peer_info(peer);
  Addresses addresses = info ? self->dialable(info->listen_addresses) : Addresses();
  if (addresses.empty()) co_return false;
  ConnectOptions options;
  options.force_new = true;
  bool connected = co_await connect_by(self, peer, std::move(addresses), options, kDirectTimeout);
  co_return connected;
}

base::Task<bool> HolePuncher::Impl::punch_as_listener(Self self, ConnectionPtr relayed) {
  const PeerId peer = relayed->remote_peer();
  for (int attempt = 0; attempt < kAttempts && !self->closed_; ++attempt) {
    // The specification has one stream for all attempts, but go-libp2p and rust-libp2p end it after the first.
    std::vector<std::string> protocols{kProtocol};
    auto opened = co_await relayed->new_stream(std::move(protocols));
    if (!opened) break;
    auto addresses = co_await agree(self, *opened->stream);
    if (!addresses || addresses->empty()) {
      LOG_DEBUG("hole punch with {}: {}", peer.short_text(), addresses ? "no address" : addresses.error().message());
      opened->stream->reset();
      break;
    }
    ConnectOptions options;
    // Who has dialled the relayed connection is the dialler of this one too.
    options.punch = PunchRole::kListener;
    const bool connected = co_await connect_by(self, peer, std::move(*addresses), options, kPunchTimeout);
    (void)co_await opened->stream->close_write();
    if (connected) co_return true;
  }
  co_return self->has_direct(peer);
}

base::Task<base::Result<HolePuncher::Impl::Addresses>> HolePuncher::Impl::agree(Self self, Stream& stream) {
  const base::TimePoint begin = self->clock_.now();
  const base::TimePoint deadline = begin + kMessageTimeout;
  auto asked = co_await write_message_by(stream, self->clock_, deadline, self->own_connect());
  if (!asked) co_return asked.error();
  auto bytes = co_await read_message_by(stream, self->clock_, deadline, kMessageBytesMax);
  if (!bytes) co_return bytes.error();
  const auto answer = parse_hole_punch(*bytes);
  if (!answer) co_return answer.error();
  if (answer->type != HolePunch::Type::kConnect) co_return Error::kProtocolViolation;
  const base::Duration round_trip = self->clock_.now() - begin;
  base::Bytes sync = serialise(HolePunch{.type = HolePunch::Type::kSync});
  auto told = co_await write_message_by(stream, self->clock_, deadline, std::move(sync));
  if (!told) co_return told.error();
  // The other side begins when that has arrived: now, about.
  co_await base::sleep_for(self->clock_, round_trip / 2);
  co_return self->dialable(answer->addresses);
}

// We have dialled.

base::Task<> HolePuncher::Impl::wait_for_turn(Self self, PeerId peer) {
  ++self->waiting_;
  ScopedDeadline deadline(self->clock_, self->clock_.now() + kPunchTimeout, [&self] { self->changed_.notify_all(); });
  while (self->under_way_.contains(peer) && !deadline.expired() && !self->closed_) co_await self->changed_.wait();
  --self->waiting_;
}

base::Task<> HolePuncher::Impl::serve(Self self, ConnectionPtr relayed, std::unique_ptr<Stream> stream) {
  const PeerId peer = relayed->remote_peer();
  // The other side may have given an attempt up a little before us, and begin the next on another stream.
  co_await wait_for_turn(self, peer);
  if (!self->may_begin(*relayed)) co_return stream->reset();
  const Place place(*self, peer);
  ++self->stats_.begun;
  bool is_up = false;
  for (int attempt = 0; attempt < kAttempts && !is_up && !self->closed_; ++attempt) {
    auto tried = co_await punch_as_dialler(self, peer, *stream);
    is_up = self->has_direct(peer);
    if (!tried) break;
  }
  ++(is_up ? self->stats_.punched : self->stats_.failed);
  if (is_up) LOG_INFO("connected directly to {}, through a hole punched in the NAT", peer.short_text());
  (void)co_await stream->close_write();
}

base::Task<base::Result<>> HolePuncher::Impl::punch_as_dialler(Self self, PeerId peer, Stream& stream) {
  const base::TimePoint deadline = self->clock_.now() + kMessageTimeout;
  auto bytes = co_await read_message_by(stream, self->clock_, deadline, kMessageBytesMax);
  if (!bytes) co_return bytes.error();
  const auto asked = parse_hole_punch(*bytes);
  if (!asked) co_return asked.error();
  if (asked->type != HolePunch::Type::kConnect) co_return Error::kProtocolViolation;
  auto answered = co_await write_message_by(stream, self->clock_, deadline, self->own_connect());
  if (!answered) co_return answered.error();
  bytes = co_await read_message_by(stream, self->clock_, deadline, kMessageBytesMax);
  if (!bytes) co_return bytes.error();
  const auto sync = parse_hole_punch(*bytes);
  if (!sync) co_return sync.error();
  if (sync->type != HolePunch::Type::kSync) co_return Error::kProtocolViolation;
  Addresses addresses = self->dialable(asked->addresses);
  if (addresses.empty()) co_return Error::kNotConnected;
  ConnectOptions options;
  options.punch = PunchRole::kDialler;
  (void)co_await connect_by(self, peer, std::move(addresses), options, kPunchTimeout);
  co_return base::Result<>();
}

// Both.

struct HolePuncher::Impl::Dial {
  PeerId peer;
  Addresses addresses;
  std::optional<bool> connected = std::nullopt;
};

base::Task<> HolePuncher::Impl::run_dial(Self self, std::shared_ptr<Dial> dial, ConnectOptions options) {
  if (self->closed_) co_return;
  auto connection = co_await self->host_.connect(dial->peer, dial->addresses, options);
  if (!connection) LOG_DEBUG("hole punch with {}: {}", dial->peer.short_text(), connection.error().message());
  dial->connected = connection.has_value();
  self->changed_.notify_all();
}

base::Task<bool> HolePuncher::Impl::connect_by(Self self, PeerId peer, Addresses addresses, ConnectOptions options,
                                               base::Duration timeout) {
  options.timeout = timeout;
  auto dial = std::make_shared<Dial>(Dial{peer, std::move(addresses)});
  // The host's dial cannot be broken off, so close() does not wait for it.
  base::spawn(self->executor_, run_dial(self, dial, options));
  while (!dial->connected && !self->closed_ && !self->has_direct(peer)) co_await self->changed_.wait();
  co_return self->has_direct(peer);
}

bool HolePuncher::Impl::has_direct(const PeerId& peer) const {
  return std::ranges::any_of(host_.connections_to(peer), [](const auto& each) { return !is_relayed(*each); });
}

bool HolePuncher::Impl::speaks_protocol(const PeerId& peer) const {
  const auto info = host_.peer_info(peer);
  return info && std::ranges::find(info->protocols, kProtocol) != info->protocols.end();
}

HolePuncher::Impl::Addresses HolePuncher::Impl::dialable(const Addresses& addresses) const {
  Addresses chosen;
  for (const Multiaddr& each : addresses) {
    Multiaddr address = each.without_peer();
    if (chosen.size() == kDialledMax) break;
    if (!address.tcp_endpoint() || !config_.may_dial(address)) continue;
    if (std::ranges::find(chosen, address) == chosen.end()) chosen.push_back(std::move(address));
  }
  return chosen;
}

base::Bytes HolePuncher::Impl::own_connect() const {
  HolePunch message{.type = HolePunch::Type::kConnect, .addresses = config_.own_addresses()};
  message.addresses.resize(std::min(message.addresses.size(), kMessageAddressesMax));
  return serialise(message);
}

}  // namespace libp2p::dcutr
