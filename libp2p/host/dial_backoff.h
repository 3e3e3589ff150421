// Remembers where dialling has failed, so that it is not tried again and again.
#pragma once

#include "base/clock.h"
#include "multiformats/multiaddr.h"
#include "multiformats/peer_id.h"

#include <map>
#include <optional>
#include <utility>

namespace libp2p {

/// After the n-th failure in a row an address is left alone for kDialBackoffBase + (n - 1)² × kDialBackoffStep, at most
/// kDialBackoffMax (as in go-libp2p), and forgotten when as much time again has passed.
inline constexpr base::Duration kDialBackoffBase = std::chrono::seconds(5);
inline constexpr base::Duration kDialBackoffStep = std::chrono::seconds(1);
inline constexpr base::Duration kDialBackoffMax = std::chrono::minutes(5);
/// Addresses that are remembered; beyond that, the one whose time is over first is forgotten.
inline constexpr std::size_t kDialBackoffEntriesMax = 4096;

/// Not thread-safe. Peers at an address that names none are an empty PeerId.
class DialBackoff {
 public:
  bool allows(const multiformats::PeerId& peer, const multiformats::Multiaddr& address, base::TimePoint now) const;
  /// When the first of those addresses of `peer` that must wait may be dialled again; nothing if none must.
  std::optional<base::TimePoint> until(const multiformats::PeerId& peer, base::TimePoint now) const;

  void on_failure(const multiformats::PeerId& peer, const multiformats::Multiaddr& address, base::TimePoint now);
  void on_success(const multiformats::PeerId& peer, const multiformats::Multiaddr& address);

 private:
  using Key = std::pair<multiformats::PeerId, multiformats::Multiaddr>;
  struct Entry {
    int failures = 0;
    base::TimePoint until;
    base::TimePoint forgotten;
  };

  void make_room(base::TimePoint now);

  std::map<Key, Entry> entries_;
};

}  // namespace libp2p
