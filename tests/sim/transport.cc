#include "tests/sim/transport.h"

#include "libp2p/core/error.h"
#include "tests/sim/pipe.h"

#include <boost/asio/error.hpp>

#include <deque>

namespace kvp2p::sim {

namespace {

using libp2p::Error;

/// Connections that wait to be accepted; as of a socket.
constexpr std::size_t kBacklogMax = 128;
/// RFC 6298's first time-out.
constexpr base::Duration kSynTimeout = std::chrono::seconds(1);
/// About what each side of a TLS handshake with certificates sends.
constexpr std::size_t kHandshakeBytes = 700;

/// False if it was stopped meanwhile.
base::Task<bool> sleep_unless_stopped(World& world, base::TimePoint until, std::stop_token stop) {
  auto wake = std::make_shared<base::Signal>(world.executor());
  const auto timer = world.clock().call_at(until, [wake] { wake->notify_all(); });
  const std::stop_callback on_stop(stop, [wake] { wake->notify_all(); });
  while (world.now() < until && !stop.stop_requested()) co_await wake->wait();
  co_return !stop.stop_requested();
}

}  // namespace

class SimListener final : public libp2p::Listener {
 public:
  SimListener(Network& network, NodeNumber node)
      : network_(network), node_(node), state_(std::make_shared<State>(network.world().executor())) {
    network_.listen(node_, this);
  }
  ~SimListener() override { close(); }

  multiformats::Multiaddr local_address() const override { return Network::address_of(node_); }
  base::Task<base::Result<libp2p::RawConnection>> accept() override {
    const auto state = state_;
    while (state->arrived.empty() && !state->closed) co_await state->changed.wait();
    if (state->closed) co_return Error::kClosing;
    libp2p::RawConnection raw = std::move(state->arrived.front());
    state->arrived.pop_front();
    co_return raw;
  }
  void close() noexcept override {
    if (std::exchange(state_->closed, true)) return;
    if (network_.listener(node_) == this) network_.listen(node_, nullptr);
    state_->arrived.clear();
    state_->changed.notify_all();
  }
  bool is_full() const { return state_->arrived.size() >= kBacklogMax; }
  void arrive(libp2p::RawConnection raw) {
    state_->arrived.push_back(std::move(raw));
    state_->changed.notify_all();
  }

 private:
  struct State {
    explicit State(const base::Executor& executor) : changed(executor) {}
    base::Signal changed;
    std::deque<libp2p::RawConnection> arrived;
    bool closed = false;
  };
  Network& network_;
  NodeNumber node_;
  std::shared_ptr<State> state_;  // shared with accept()
};

base::Task<base::Result<libp2p::RawConnection>> SimTransport::dial(multiformats::Multiaddr address,
                                                                   base::Duration timeout, std::stop_token stop) {
  Network& network = network_;
  World& world = network.world();
  const NodeNumber from = node_, to = *Network::node_at(address);
  const base::TimePoint deadline = world.now() + timeout;
  network.note_dial(from);
  // What begins a connection may be lost as anything else.
  for (base::Duration wait = kSynTimeout;; wait *= 2) {
    const auto arrives = network.send(from, to, 0);
    if (!arrives) {
      const base::TimePoint retry = std::min(deadline, world.now() + wait);
      if (!co_await sleep_unless_stopped(world, retry, stop)) co_return Error::kClosing;
      if (retry == deadline) co_return Error::kTimeout;
      continue;
    }
    const base::TimePoint answered = *arrives + network.round_trip(from, to) / 2;
    if (!co_await sleep_unless_stopped(world, std::min(deadline, answered), stop)) co_return Error::kClosing;
    if (answered > deadline) co_return Error::kTimeout;
    break;
  }
  if (!network.can_reach(from, to)) co_return Error::kTimeout;
  SimListener* const listener = network.listener(to);
  if (listener == nullptr || listener->is_full()) {
    co_return boost::asio::error::make_error_code(boost::asio::error::connection_refused);
  }
  const auto pipe = std::make_shared<Pipe>(network, from, to);
  const multiformats::Multiaddr ours = Network::address_of(from);
  listener->arrive(libp2p::RawConnection{make_stream(pipe, 1), address, ours});
  co_return libp2p::RawConnection{make_stream(pipe, 0), ours, address};
}

base::Result<std::unique_ptr<libp2p::Listener>> SimTransport::listen(const multiformats::Multiaddr& address) {
  if (Network::node_at(address) != node_ || network_.listener(node_) != nullptr) return Error::kUnsupportedAddress;
  return std::make_unique<SimListener>(network_, node_);
}

// Security.

namespace {

base::Bytes hello(const multiformats::PublicKey& key) {
  base::Bytes bytes = key.to_protobuf();
  const auto key_bytes = static_cast<std::uint8_t>(bytes.size());
  bytes.resize(kHandshakeBytes);
  bytes.insert(bytes.begin(), key_bytes);
  return bytes;
}

base::Result<multiformats::PublicKey> key_in(base::ConstBytes bytes) {
  if (bytes.empty() || bytes.size() <= bytes[0]) return Error::kHandshakeFailed;
  return multiformats::PublicKey::from_protobuf(bytes.subspan(1, bytes[0]));
}

base::Task<base::Result<libp2p::SecuredStream>> secured(std::unique_ptr<libp2p::Stream> raw,
                                                        std::optional<multiformats::PeerId> expected) {
  auto theirs = co_await libp2p::read_length_prefixed(*raw, 2 * kHandshakeBytes);
  if (!theirs) co_return theirs.error();
  auto key = key_in(*theirs);
  if (!key) co_return key.error();
  const auto peer = multiformats::PeerId::from_public_key(*key);
  if (expected && *expected != peer) co_return Error::kPeerIdMismatch;
  co_return libp2p::SecuredStream{std::move(raw), peer, *key, "/yamux/1.0.0"};
}

}  // namespace

base::Task<base::Result<libp2p::SecuredStream>> SimSecurity::secure_outbound(
    std::unique_ptr<libp2p::Stream> raw, std::optional<multiformats::PeerId> expected) {
  const base::Bytes ours = hello(key_);
  auto written = co_await libp2p::write_length_prefixed(*raw, ours);
  if (!written) co_return written.error();
  auto result = co_await secured(std::move(raw), std::move(expected));
  co_return result;
}

base::Task<base::Result<libp2p::SecuredStream>> SimSecurity::secure_inbound(std::unique_ptr<libp2p::Stream> raw) {
  const base::Bytes ours = hello(key_);
  auto written = co_await libp2p::write_length_prefixed(*raw, ours);
  if (!written) co_return written.error();
  auto result = co_await secured(std::move(raw), std::nullopt);
  co_return result;
}

}  // namespace kvp2p::sim
