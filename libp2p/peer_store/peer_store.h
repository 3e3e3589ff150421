// What is known of peers, connected or not: where they can be dialled, what they serve, when they were last here.
#pragma once

#include "base/bytes.h"
#include "multiformats/multiaddr.h"
#include "multiformats/peer_id.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace libp2p {

/// Seconds since 1970: what is known outlives the process.
using UnixTime = std::chrono::sys_seconds;

/// Where an address is from: what it is worth, ascending.
enum class AddressSource : std::uint8_t {
  kHeard = 0,       ///< others say so: mDNS, a rendezvous point, a DHT
  kIdentified = 1,  ///< the peer itself, over a connection
  kSigned = 2,      ///< the peer itself, in a record that it has signed
  kDialled = 3,     ///< a dial has led to the peer
};

/// How long an address is kept after it was last heard of, by source.
std::chrono::seconds address_lifetime(AddressSource source);

struct PeerStoreLimits {
  std::size_t peers_max = 1024;
  std::size_t addresses_per_peer_max = 16;
  std::size_t protocols_per_peer_max = 64;
};

struct KnownAddress {
  multiformats::Multiaddr address;  ///< without /p2p
  AddressSource source = AddressSource::kHeard;
  UnixTime expires;
  friend bool operator==(const KnownAddress&, const KnownAddress&) = default;
};

struct KnownPeer {
  /// The most trustworthy first, of these the latest.
  std::vector<KnownAddress> addresses;
  std::vector<std::string> protocols;
  /// When a connection was last there; nothing: never.
  std::optional<UnixTime> last_seen;
  /// The newest record that the peer has signed, as an envelope (records/peer_record.h), and its number; empty: none.
  base::Bytes signed_record;
  std::uint64_t record_seq = 0;
  friend bool operator==(const KnownPeer&, const KnownPeer&) = default;
};

/// Not thread-safe. Bounded: when it is full, the peer that is worth least gives way (never connected before connected,
/// then last seen longest ago), and so does an address of a peer.
class PeerStore {
 public:
  explicit PeerStore(const PeerStoreLimits& limits = PeerStoreLimits()) : limits_(limits) {}

  const PeerStoreLimits& limits() const { return limits_; }
  std::size_t size() const { return peers_.size(); }
  const std::map<multiformats::PeerId, KnownPeer>& peers() const { return peers_; }
  /// Null if it is not known.
  const KnownPeer* find(const multiformats::PeerId& peer) const;

  /// Addresses of `peer`, as `source` tells them; those that end in another peer's id, and empty ones, are left out.
  void add_addresses(const multiformats::PeerId& peer, std::span<const multiformats::Multiaddr> addresses,
                     AddressSource source, UnixTime now);
  /// What identify told of a connected peer: replaces what it told before.
  void identified(const multiformats::PeerId& peer, std::span<const multiformats::Multiaddr> addresses,
                  std::span<const std::string> protocols, UnixTime now);
  /// Takes a signed record over if it is properly signed, `peer`'s own and newer than what is there; whether it is.
  bool add_signed_record(const multiformats::PeerId& peer, base::ConstBytes envelope, UnixTime now);
  /// A connection is up, begun or still there. `dialled`: the address that led to it, if we dialled.
  void seen(const multiformats::PeerId& peer, const std::optional<multiformats::Multiaddr>& dialled, UnixTime now);

  /// Where to dial, the most promising first; without what has expired.
  std::vector<multiformats::Multiaddr> addresses_of(const multiformats::PeerId& peer, UnixTime now) const;
  /// Peers that serve `protocol` and can be dialled, those seen latest first.
  std::vector<multiformats::PeerId> last_seen_serving(std::string_view protocol, std::size_t peers_max,
                                                      UnixTime now) const;

  void forget(const multiformats::PeerId& peer) { peers_.erase(peer); }
  /// Drops addresses whose time is over, and peers without any.
  void expire(UnixTime now);
  /// As it was kept on disk, within the limits; replaces what is known of the peer.
  void restore(const multiformats::PeerId& peer, KnownPeer known);

 private:
  KnownPeer& entry(const multiformats::PeerId& peer);
  void add_address(KnownPeer& known, const multiformats::Multiaddr& address, AddressSource source, UnixTime now) const;

  PeerStoreLimits limits_;
  std::map<multiformats::PeerId, KnownPeer> peers_;
};

}  // namespace libp2p
