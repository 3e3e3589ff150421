#include "libp2p/peer_store/peer_store.h"

#include "libp2p/records/peer_record.h"

#include <algorithm>

namespace libp2p {

namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

/// By worth: source, then how long it lasts.
void sort_and_bound(std::vector<KnownAddress>& addresses, std::size_t addresses_max) {
  std::ranges::stable_sort(addresses, [](const KnownAddress& a, const KnownAddress& b) {
    return std::pair(a.source, a.expires) > std::pair(b.source, b.expires);
  });
  if (addresses.size() > addresses_max) addresses.resize(addresses_max);
}

using Entry = std::pair<const PeerId, KnownPeer>;

bool is_worth_less(const Entry& a, const Entry& b) { return a.second.last_seen < b.second.last_seen; }

}  // namespace

std::chrono::seconds address_lifetime(AddressSource source) {
  using namespace std::chrono_literals;
  switch (source) {
    case AddressSource::kHeard:
      return 1h;
    case AddressSource::kIdentified:
      return 24h;
    case AddressSource::kSigned:
      return 48h;
    case AddressSource::kDialled:
      return 7 * 24h;
  }
  return 0s;
}

const KnownPeer* PeerStore::find(const PeerId& peer) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second;
}

KnownPeer& PeerStore::entry(const PeerId& peer) {
  if (const auto found = peers_.find(peer); found != peers_.end()) return found->second;
  if (peers_.size() >= limits_.peers_max) {
    peers_.erase(std::ranges::min_element(peers_, is_worth_less));
  }
  return peers_[peer];
}

void PeerStore::add_address(KnownPeer& known, const Multiaddr& address, AddressSource source, UnixTime now) const {
  const UnixTime expires = now + address_lifetime(source);
  const auto found = std::ranges::find(known.addresses, address, &KnownAddress::address);
  if (found == known.addresses.end()) {
    known.addresses.push_back({address, source, expires});
    return;
  }
  found->source = std::max(found->source, source);
  found->expires = std::max(found->expires, expires);
}

void PeerStore::add_addresses(const PeerId& peer, std::span<const Multiaddr> addresses, AddressSource source,
                              UnixTime now) {
  if (peer.empty() || addresses.empty()) return;
  KnownPeer& known = entry(peer);
  for (const Multiaddr& each : addresses) {
    const Multiaddr address = each.without_peer();
    if (!address.empty() && each.peer_id().value_or(peer) == peer) add_address(known, address, source, now);
  }
  sort_and_bound(known.addresses, limits_.addresses_per_peer_max);
  if (known.addresses.empty() && !known.last_seen) peers_.erase(peer);
}

void PeerStore::identified(const PeerId& peer, std::span<const Multiaddr> addresses,
                           std::span<const std::string> protocols, UnixTime now) {
  KnownPeer& known = entry(peer);
  known.last_seen = now;
  known.protocols.assign(protocols.begin(), protocols.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                    protocols.size(), limits_.protocols_per_peer_max)));
  std::erase_if(known.addresses, [](const auto& each) { return each.source == AddressSource::kIdentified; });
  add_addresses(peer, addresses, AddressSource::kIdentified, now);
}

bool PeerStore::add_signed_record(const PeerId& peer, base::ConstBytes envelope, UnixTime now) {
  const auto record = open_peer_record(envelope);
  if (!record || record->peer != peer) return false;
  KnownPeer& known = entry(peer);
  if (!known.signed_record.empty() && record->seq <= known.record_seq) return false;
  known.signed_record = base::to_bytes(envelope);
  known.record_seq = record->seq;
  std::erase_if(known.addresses, [](const auto& each) { return each.source == AddressSource::kSigned; });
  add_addresses(peer, record->addresses, AddressSource::kSigned, now);
  return true;
}

void PeerStore::seen(const PeerId& peer, const std::optional<Multiaddr>& dialled, UnixTime now) {
  KnownPeer& known = entry(peer);
  known.last_seen = now;
  if (dialled) add_addresses(peer, std::span(&*dialled, 1), AddressSource::kDialled, now);
}

std::vector<Multiaddr> PeerStore::addresses_of(const PeerId& peer, UnixTime now) const {
  std::vector<Multiaddr> result;
  const KnownPeer* known = find(peer);
  if (known == nullptr) return result;
  for (const KnownAddress& each : known->addresses) {
    if (each.expires > now) result.push_back(each.address);
  }
  return result;
}

std::vector<PeerId> PeerStore::last_seen_serving(std::string_view protocol, std::size_t peers_max, UnixTime now) const {
  std::vector<std::pair<UnixTime, PeerId>> found;
  for (const auto& [peer, known] : peers_) {
    const bool can_be_dialled =
        std::ranges::any_of(known.addresses, [&](const auto& each) { return each.expires > now; });
    if (known.last_seen && can_be_dialled && std::ranges::count(known.protocols, protocol) > 0) {
      found.emplace_back(*known.last_seen, peer);
    }
  }
  std::ranges::sort(found, std::greater());
  if (found.size() > peers_max) found.resize(peers_max);
  std::vector<PeerId> peers;
  for (const auto& [when, peer] : found) peers.push_back(peer);
  return peers;
}

void PeerStore::expire(UnixTime now) {
  for (auto at = peers_.begin(); at != peers_.end();) {
    std::erase_if(at->second.addresses, [now](const auto& each) { return each.expires <= now; });
    at = at->second.addresses.empty() ? peers_.erase(at) : std::next(at);
  }
}

void PeerStore::restore(const PeerId& peer, KnownPeer known) {
  sort_and_bound(known.addresses, limits_.addresses_per_peer_max);
  if (known.protocols.size() > limits_.protocols_per_peer_max) known.protocols.resize(limits_.protocols_per_peer_max);
  entry(peer) = std::move(known);
}

}  // namespace libp2p
