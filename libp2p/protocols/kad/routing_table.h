// The servers that a node knows, more of those that are near to it (libp2p/specs kad-dht/README.md, "Kademlia routing
// table"). Pure state.
#pragma once

#include "base/clock.h"
#include "libp2p/protocols/kad/address_scope.h"
#include "libp2p/protocols/kad/key.h"
#include "libp2p/protocols/kad/message.h"

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace libp2p::kad {

/// How a peer was seen on a connection to it.
struct SeenAt {
  Scope scope = Scope::kPublic;
  std::optional<std::string> network = std::nullopt;  ///< network_of() the address
};

struct TablePeer {
  multiformats::PeerId id;
  Key key;
  std::vector<multiformats::Multiaddr> addresses;
  SeenAt seen;
  base::TimePoint last_heard;
  unsigned failures = 0;  ///< in a row
};

struct TableLimits {
  std::size_t k = 20;
  std::size_t network_bucket_peers_max = 5;
  std::size_t network_table_peers_max = 40;
};

/// Buckets of k peers by the number of bits that they share with us. A peer that is alive is never replaced by another:
/// to flood a table with new peers is of no use (Maymounkov and Mazières, 2.2). Not thread-safe.
class RoutingTable {
 public:
  enum class Outcome { kAdded, kKnown, kFull, kNetworkFull, kIsSelf };

  RoutingTable(const multiformats::PeerId& self, TableLimits limits) : self_(key_of(self)), limits_(limits) {}

  /// A server that we have heard from. One for which there is no room takes the place of a peer that does not answer,
  /// or waits for one to fall silent.
  Outcome add(const PeerEntry& peer, const SeenAt& seen, base::TimePoint now);
  /// It has answered. Nothing if it is not in the table.
  void heard(const multiformats::PeerId& peer, base::TimePoint now);
  /// It has not answered: it goes after kFailuresMax of these, or if another waits for its place. Those that have gone
  /// are in lapsed().
  void failed(const multiformats::PeerId& peer);
  /// It is no server any more.
  void remove(const multiformats::PeerId& peer);

  const TablePeer* find(const multiformats::PeerId& peer) const;
  /// Up to `count`, the closest first. Valid until the table changes.
  std::vector<const TablePeer*> closest(const Key& target, std::size_t count) const;
  /// Up to `count` of those that have not been heard since `time`.
  std::vector<PeerEntry> not_heard_since(base::TimePoint time, std::size_t count) const;
  /// Up to `count` of the latest that have gone: a network that was cut in two finds together by them.
  std::vector<PeerEntry> some_lapsed(std::size_t count, std::mt19937_64& random) const;
  std::size_t lapsed() const { return lapsed_.size(); }

  std::size_t size() const { return size_; }
  const Key& self() const { return self_; }
  /// Up to the last that anybody is in.
  std::size_t bucket_count() const { return buckets_.size(); }
  std::size_t bucket_size(std::size_t index) const { return buckets_[index].peers.size(); }

  static constexpr unsigned kFailuresMax = 2;
  /// Of a bucket.
  static constexpr std::size_t kWaitingMax = 8;
  static constexpr std::size_t kLapsedMax = 64;

 private:
  struct Bucket {
    std::vector<TablePeer> peers;
    /// Those that found no room, the latest last.
    std::vector<TablePeer> waiting;
  };

  Bucket& bucket_of(const Key& key);
  TablePeer* find_mutable(const multiformats::PeerId& peer);
  bool has_room_for_network(const Bucket& bucket, const SeenAt& seen) const;
  void insert(Bucket& bucket, TablePeer peer);
  /// And lets one that waits have its place.
  void erase(Bucket& bucket, std::size_t index);
  void lapse(const TablePeer& peer);
  void forget_lapsed(const multiformats::PeerId& peer);

  Key self_;
  TableLimits limits_;
  std::vector<Bucket> buckets_;
  std::size_t size_ = 0;
  std::map<std::string, std::size_t> networks_;
  std::deque<PeerEntry> lapsed_;
};

}  // namespace libp2p::kad
