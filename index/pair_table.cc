#include "index/pair_table.h"

#include "base/bytes.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace kvp2p {

namespace {

constexpr std::size_t kFirstBuckets = 1024;

std::array<std::uint64_t, 2> prefix_of(const BlockKey& key) {
  std::array<std::uint64_t, 2> prefix;
  static_assert(sizeof prefix <= sizeof key.bytes);
  std::memcpy(prefix.data(), key.bytes.data(), sizeof prefix);
  return prefix;
}

}  // namespace

PairTable::PairTable(std::size_t pairs_max) : pairs_max_(pairs_max), buckets_(kFirstBuckets, kNone) {
  assert(pairs_max > 0 && pairs_max < kNone);
  base::random_bytes({reinterpret_cast<std::uint8_t*>(secret_.data()), sizeof secret_});
}

std::size_t PairTable::bucket_of(const Prefix& key) const {
  // The full product of the two halves, each masked by a secret, folded.
  const auto product = static_cast<unsigned __int128>(key[0] ^ secret_[0]) * (key[1] ^ secret_[1]);
  const auto folded = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  return folded & (buckets_.size() - 1);
}

PairTable::Place PairTable::find(const Prefix& key, PeerNumber peer) const {
  Place place = buckets_[bucket_of(key)];
  while (place != kNone && (pairs_[place].peer != peer || pairs_[place].key != key)) place = pairs_[place].chain;
  return place;
}

bool PairTable::contains(const BlockKey& key, PeerNumber peer) const { return find(prefix_of(key), peer) != kNone; }

std::vector<PairTable::PeerNumber> PairTable::peers_of(const BlockKey& key) const {
  std::vector<PeerNumber> found;
  const Prefix prefix = prefix_of(key);
  for (Place place = buckets_[bucket_of(prefix)]; place != kNone; place = pairs_[place].chain) {
    if (pairs_[place].key == prefix) found.push_back(pairs_[place].peer);
  }
  return found;
}

void PairTable::insert(const BlockKey& key, PeerNumber peer) {
  const Prefix prefix = prefix_of(key);
  if (peer >= peers_.size()) peers_.resize(peer + 1);
  if (const Place known = find(prefix, peer); known != kNone) {
    unlink(known);
    link_newest(known);
    return;
  }
  if (used_ == pairs_max_) drop_oldest_of_largest();
  if (used_ >= buckets_.size()) grow_buckets();
  const Place place = take_place();
  Place& bucket = buckets_[bucket_of(prefix)];
  pairs_[place] = {prefix, peer, bucket, kNone, kNone};
  bucket = place;
  link_newest(place);
  ++used_;
}

void PairTable::erase(const BlockKey& key, PeerNumber peer) {
  if (const Place place = find(prefix_of(key), peer); place != kNone) remove(place);
}

void PairTable::erase_peer(PeerNumber peer) {
  if (peer >= peers_.size()) return;
  while (peers_[peer].oldest != kNone) remove(peers_[peer].oldest);
}

void PairTable::link_newest(Place place) {
  Pair& pair = pairs_[place];
  Peer& peer = peers_[pair.peer];
  pair.older = peer.newest;
  pair.newer = kNone;
  (peer.newest == kNone ? peer.oldest : pairs_[peer.newest].newer) = place;
  peer.newest = place;
  ++peer.pairs;
}

void PairTable::unlink(Place place) {
  Pair& pair = pairs_[place];
  Peer& peer = peers_[pair.peer];
  (pair.older == kNone ? peer.oldest : pairs_[pair.older].newer) = pair.newer;
  (pair.newer == kNone ? peer.newest : pairs_[pair.newer].older) = pair.older;
  --peer.pairs;
}

void PairTable::remove(Place place) {
  unlink(place);
  Place* link = &buckets_[bucket_of(pairs_[place].key)];
  while (*link != place) link = &pairs_[*link].chain;
  *link = pairs_[place].chain;
  pairs_[place].chain = free_;
  free_ = place;
  --used_;
}

PairTable::Place PairTable::take_place() {
  if (free_ != kNone) {
    const Place place = free_;
    free_ = pairs_[place].chain;
    return place;
  }
  pairs_.emplace_back();
  return static_cast<Place>(pairs_.size() - 1);
}

void PairTable::drop_oldest_of_largest() {
  // Linear in the peers, which are few (connections are bounded), and only when full.
  const auto largest =
      std::max_element(peers_.begin(), peers_.end(), [](const Peer& a, const Peer& b) { return a.pairs < b.pairs; });
  remove(largest->oldest);
}

void PairTable::grow_buckets() {
  buckets_.assign(buckets_.size() * 2, kNone);
  for (const Peer& peer : peers_) {
    for (Place place = peer.oldest; place != kNone; place = pairs_[place].newer) {
      Place& bucket = buckets_[bucket_of(pairs_[place].key)];
      pairs_[place].chain = bucket;
      bucket = place;
    }
  }
}

}  // namespace kvp2p
