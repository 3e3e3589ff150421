// What connected peers are worth, and which of them to part with when there are too many. No clock, no network.
#pragma once

#include "base/clock.h"
#include "multiformats/peer_id.h"

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace libp2p {

/// Peers that something is remembered of; beyond that, the one that is worth least gives way.
inline constexpr std::size_t kValuedPeersMax = 8192;
/// Tags and protections of one peer; further ones are not taken.
inline constexpr std::size_t kTagsPerPeerMax = 32;
/// What a peer was of use for counts half after this time.
inline constexpr base::Duration kUseHalfLife = std::chrono::minutes(5);

/// Not thread-safe. A peer's value is the sum of its tags' values and of its decaying use.
class PeerValues {
 public:
  /// Gives the tag this value, whatever it had; 0 takes the tag away.
  void set_tag(const multiformats::PeerId& peer, const std::string& tag, double value);
  /// Adds to the use of a peer: bytes in MiB, answers, whatever the node counts by.
  void add_use(const multiformats::PeerId& peer, double amount, base::TimePoint now);

  /// Is never chosen while anybody protects it. Each who protects has a tag of its own.
  void protect(const multiformats::PeerId& peer, const std::string& tag);
  void unprotect(const multiformats::PeerId& peer, const std::string& tag);
  bool is_protected(const multiformats::PeerId& peer) const;

  double value_of(const multiformats::PeerId& peer, base::TimePoint now) const;
  std::size_t size() const { return peers_.size(); }

 private:
  struct Entry {
    std::map<std::string, double> tags;
    std::set<std::string> protections;
    double use = 0;
    base::TimePoint use_at;
  };
  /// Null if all others are protected.
  Entry* entry(const multiformats::PeerId& peer);
  static double use_of(const Entry& entry, base::TimePoint now);
  static double worth_of(const Entry& entry, base::TimePoint now);

  std::map<multiformats::PeerId, Entry> peers_;
  base::TimePoint latest_;  ///< of all that add_use() was told
};

/// A connected peer, as choose_to_close() looks at it.
struct ConnectedPeer {
  multiformats::PeerId id;
  std::size_t connections = 1;
  /// Of the latest of its connections.
  base::TimePoint connected_at;
  std::size_t streams = 0;
  /// We have dialled one of its connections: somebody here wanted it.
  bool is_dialled = false;
};

struct Watermarks {
  /// Connections above which some are closed, and to which they are brought down.
  std::size_t high = 512;
  std::size_t low = 384;
  /// Younger connections are left alone: what they are worth has yet to show.
  base::Duration grace = std::chrono::seconds(20);
};

/// Whom to part with, least worth first: by value, then those that we did not dial, then those with fewer streams, then
/// those connected longest. None while there are no more connections than `high`; protected and new peers never.
std::vector<multiformats::PeerId> choose_to_close(std::span<const ConnectedPeer> peers, const PeerValues& values,
                                                  const Watermarks& marks, base::TimePoint now);

}  // namespace libp2p
