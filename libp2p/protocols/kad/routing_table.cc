#include "libp2p/protocols/kad/routing_table.h"

#include <algorithm>
#include <iterator>

namespace libp2p::kad {

using multiformats::PeerId;

namespace {

std::size_t index_of(const std::vector<TablePeer>& peers, const PeerId& id) {
  const auto found = std::find_if(peers.begin(), peers.end(), [&id](const TablePeer& each) { return each.id == id; });
  return static_cast<std::size_t>(found - peers.begin());
}

void erase_waiting(std::vector<TablePeer>& waiting, const PeerId& id) {
  std::erase_if(waiting, [&id](const TablePeer& each) { return each.id == id; });
}

}  // namespace

RoutingTable::Bucket& RoutingTable::bucket_of(const Key& key) {
  const std::size_t index = std::min(common_prefix_bits(self_, key), kKeyBits - 1);
  if (buckets_.size() <= index) buckets_.resize(index + 1);
  return buckets_[index];
}

const TablePeer* RoutingTable::find(const PeerId& peer) const {
  const std::size_t bucket = std::min(common_prefix_bits(self_, key_of(peer)), kKeyBits - 1);
  if (buckets_.size() <= bucket) return nullptr;
  const auto& peers = buckets_[bucket].peers;
  const std::size_t index = index_of(peers, peer);
  return index < peers.size() ? &peers[index] : nullptr;
}

TablePeer* RoutingTable::find_mutable(const PeerId& peer) { return const_cast<TablePeer*>(find(peer)); }

bool RoutingTable::has_room_for_network(const Bucket& bucket, const SeenAt& seen) const {
  if (!seen.network) return true;
  const auto count = networks_.find(*seen.network);
  if (count != networks_.end() && count->second >= limits_.network_table_peers_max) return false;
  const auto is_same = [&seen](const TablePeer& each) { return each.seen.network == seen.network; };
  const auto in_bucket = std::count_if(bucket.peers.begin(), bucket.peers.end(), is_same);
  return static_cast<std::size_t>(in_bucket) < limits_.network_bucket_peers_max;
}

RoutingTable::Outcome RoutingTable::add(const PeerEntry& peer, const SeenAt& seen, base::TimePoint now) {
  const Key key = key_of(peer.id);
  if (key == self_) return Outcome::kIsSelf;
  forget_lapsed(peer.id);
  if (TablePeer* known = find_mutable(peer.id)) {
    if (!peer.addresses.empty()) known->addresses = peer.addresses;
    known->last_heard = now;
    known->failures = 0;
    return Outcome::kKnown;
  }
  Bucket& bucket = bucket_of(key);
  erase_waiting(bucket.waiting, peer.id);
  if (!has_room_for_network(bucket, seen)) return Outcome::kNetworkFull;
  TablePeer added{.id = peer.id, .key = key, .addresses = peer.addresses, .seen = seen, .last_heard = now};
  if (bucket.peers.size() >= limits_.k) {
    if (bucket.waiting.size() >= kWaitingMax) bucket.waiting.erase(bucket.waiting.begin());
    bucket.waiting.push_back(std::move(added));
    const auto silent =
        std::max_element(bucket.peers.begin(), bucket.peers.end(),
                         [](const TablePeer& a, const TablePeer& b) { return a.failures < b.failures; });
    if (silent->failures == 0) return Outcome::kFull;
    lapse(*silent);
    erase(bucket, static_cast<std::size_t>(silent - bucket.peers.begin()));
    return find(peer.id) ? Outcome::kAdded : Outcome::kFull;
  }
  insert(bucket, std::move(added));
  return Outcome::kAdded;
}

void RoutingTable::insert(Bucket& bucket, TablePeer peer) {
  if (peer.seen.network) ++networks_[*peer.seen.network];
  bucket.peers.push_back(std::move(peer));
  ++size_;
}

void RoutingTable::erase(Bucket& bucket, std::size_t index) {
  const TablePeer& gone = bucket.peers[index];
  if (gone.seen.network) {
    const auto count = networks_.find(*gone.seen.network);
    if (--count->second == 0) networks_.erase(count);
  }
  bucket.peers.erase(bucket.peers.begin() + static_cast<std::ptrdiff_t>(index));
  --size_;
  // The latest is the likeliest to be there still.
  for (std::size_t i = bucket.waiting.size(); i-- > 0;) {
    if (!has_room_for_network(bucket, bucket.waiting[i].seen)) continue;
    TablePeer next = std::move(bucket.waiting[i]);
    bucket.waiting.erase(bucket.waiting.begin() + static_cast<std::ptrdiff_t>(i));
    return insert(bucket, std::move(next));
  }
}

void RoutingTable::heard(const PeerId& peer, base::TimePoint now) {
  TablePeer* known = find_mutable(peer);
  if (!known) return;
  known->last_heard = now;
  known->failures = 0;
}

void RoutingTable::failed(const PeerId& peer) {
  TablePeer* known = find_mutable(peer);
  if (!known) return;
  ++known->failures;
  Bucket& bucket = bucket_of(known->key);
  if (known->failures < kFailuresMax && bucket.waiting.empty()) return;
  lapse(*known);
  erase(bucket, index_of(bucket.peers, peer));
}

void RoutingTable::remove(const PeerId& peer) {
  Bucket& bucket = bucket_of(key_of(peer));
  erase_waiting(bucket.waiting, peer);
  const std::size_t index = index_of(bucket.peers, peer);
  if (index < bucket.peers.size()) erase(bucket, index);
  forget_lapsed(peer);
}

std::vector<const TablePeer*> RoutingTable::closest(const Key& target, std::size_t count) const {
  std::vector<const TablePeer*> result;
  const auto take = [&result](const Bucket& bucket) {
    for (const TablePeer& each : bucket.peers) result.push_back(&each);
  };
  const auto sort_from = [&result, &target](std::size_t begin) {
    std::sort(result.begin() + static_cast<std::ptrdiff_t>(begin), result.end(),
              [&target](const TablePeer* a, const TablePeer* b) { return is_closer(target, a->key, b->key); });
  };
  // The target's own bucket is closer to it than all that are nearer to us, and those than each that is farther away.
  const std::size_t own = std::min(common_prefix_bits(self_, target), kKeyBits - 1);
  if (own < buckets_.size()) take(buckets_[own]);
  sort_from(0);
  std::size_t sorted = result.size();
  if (result.size() < count) {
    for (std::size_t i = own + 1; i < buckets_.size(); ++i) take(buckets_[i]);
    sort_from(sorted);
  }
  for (std::size_t i = std::min(own, buckets_.size()); i-- > 0 && result.size() < count;) {
    sorted = result.size();
    take(buckets_[i]);
    sort_from(sorted);
  }
  if (result.size() > count) result.resize(count);
  return result;
}

std::vector<PeerEntry> RoutingTable::not_heard_since(base::TimePoint time, std::size_t count) const {
  std::vector<PeerEntry> result;
  // Those near to us first: they matter most, and are the fewest.
  for (auto bucket = buckets_.rbegin(); bucket != buckets_.rend(); ++bucket) {
    for (const TablePeer& each : bucket->peers) {
      if (result.size() == count) return result;
      if (each.last_heard < time) result.push_back({each.id, each.addresses});
    }
  }
  return result;
}

void RoutingTable::lapse(const TablePeer& peer) {
  forget_lapsed(peer.id);
  if (lapsed_.size() >= kLapsedMax) lapsed_.pop_front();
  lapsed_.push_back({peer.id, peer.addresses});
}

void RoutingTable::forget_lapsed(const PeerId& peer) {
  std::erase_if(lapsed_, [&peer](const PeerEntry& each) { return each.id == peer; });
}

std::vector<PeerEntry> RoutingTable::some_lapsed(std::size_t count, std::mt19937_64& random) const {
  std::vector<PeerEntry> result;
  std::sample(lapsed_.begin(), lapsed_.end(), std::back_inserter(result), count, random);
  return result;
}

}  // namespace libp2p::kad
