#include "provider/peer_book.h"

#include "base/log.h"
#include "base/small_file.h"
#include "libp2p/peer_store/peer_store_text.h"
#include "wire/limits.h"

#include <algorithm>

namespace kvp2p {

using libp2p::KnownPeer;
using libp2p::PeerStore;
using multiformats::PeerId;

namespace {

namespace fs = std::filesystem;

PeerStore load(const fs::path& file) {
  const auto text = base::read_small_file(file, libp2p::kPeerStoreFileBytesMax);
  if (!text && text.error() == boost::system::errc::no_such_file_or_directory) return PeerStore();
  std::string mistake = text ? std::string() : file.string() + ": " + text.error().message();
  if (text) {
    auto store = libp2p::peer_store_from_text(*text, libp2p::PeerStoreLimits());
    if (store) return std::move(*store);
    mistake = store.error().to_text(file.string());
  }
  const fs::path aside = file.string() + ".bad";
  std::error_code failed;
  fs::rename(file, aside, failed);
  LOG_WARN("{}; beginning with no known peers{}", mistake, failed ? "" : ", the file is kept as " + aside.string());
  return PeerStore();
}

}  // namespace

struct PeerBook::State : std::enable_shared_from_this<State> {
  State(base::Clock& c, libp2p::Host& h, WallClock wall) : clock(c), host(h), now(std::move(wall)) {}

  void connected(const libp2p::Connection& connection) {
    std::optional<multiformats::Multiaddr> dialled;
    if (connection.is_dialler()) dialled = connection.remote_address();
    store.seen(connection.remote_peer(), dialled, now());
    changed();
  }
  void identified(const PeerId& peer) {
    const auto info = host.peer_info(peer);
    if (!info) return;
    store.identified(peer, info->listen_addresses, info->protocols, now());
    if (!info->signed_record.empty()) store.add_signed_record(peer, info->signed_record, now());
    changed();
  }
  void disconnected(const PeerId& peer) {
    store.seen(peer, std::nullopt, now());
    changed();
  }
  void changed() {
    if (!saver || timer || stopped) return;
    timer = clock.call_at(clock.now() + kPeerBookSaveTime, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->save();
    });
  }
  void save() {
    timer.reset();
    for (const auto& peer : host.peers()) store.seen(peer, std::nullopt, now());
    store.expire(now());
    saver->save(to_text(store));
  }

  base::Clock& clock;
  libp2p::Host& host;
  WallClock now;
  PeerStore store;
  std::optional<FileSaver> saver;
  std::unique_ptr<base::Timer> timer;
  bool stopped = false;
};

PeerBook::PeerBook(base::Clock& clock, libp2p::Host& host, WallClock now, std::optional<fs::path> file)
    : state_(std::make_shared<State>(clock, host, std::move(now))) {
  if (file) {
    state_->store = load(*file);
    state_->store.expire(state_->now());
    state_->saver.emplace(*file);
  }
  using Call = std::shared_ptr<libp2p::Connection>;
  const std::weak_ptr<State> weak = state_;
  const auto following = [weak](auto what) {
    return [weak, what](const Call& connection) {
      if (const auto state = weak.lock(); state && !state->stopped) what(*state, *connection);
    };
  };
  host.on_connected(following([](State& state, const libp2p::Connection& it) { state.connected(it); }));
  host.on_identified(following([](State& state, const libp2p::Connection& it) { state.identified(it.remote_peer()); }));
  host.on_disconnected(
      following([](State& state, const libp2p::Connection& it) { state.disconnected(it.remote_peer()); }));
}

PeerBook::~PeerBook() { stop(); }

const PeerStore& PeerBook::peers() const { return state_->store; }

void PeerBook::heard(const PeerId& peer, const std::vector<multiformats::Multiaddr>& addresses) {
  state_->store.add_addresses(peer, addresses, libp2p::AddressSource::kHeard, state_->now());
  state_->changed();
}

std::vector<multiformats::Multiaddr> PeerBook::addresses_of(const PeerId& peer) const {
  return state_->store.addresses_of(peer, state_->now());
}

std::vector<PeerId> PeerBook::last_kv_peers(std::size_t peers_max) const {
  return state_->store.last_seen_serving(wire::kProtocolId, peers_max, state_->now());
}

bool PeerBook::is_kv_peer(const PeerId& peer) const {
  const KnownPeer* known = state_->store.find(peer);
  return known != nullptr && std::ranges::count(known->protocols, wire::kProtocolId) > 0;
}

void PeerBook::stop() {
  if (std::exchange(state_->stopped, true)) return;
  if (state_->saver) state_->save();
  state_->saver.reset();
}

}  // namespace kvp2p
