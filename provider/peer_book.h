// The peers that this node knows: kept in step with its connections, and on disk from one run to the next.
#pragma once

#include "base/clock.h"
#include "libp2p/host/host.h"
#include "libp2p/peer_store/peer_store.h"
#include "provider/file_saver.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

namespace kvp2p {

/// A change is on disk after this time at the latest, or when the node stops.
inline constexpr base::Duration kPeerBookSaveTime = std::chrono::seconds(30);

/// Node thread only, but for the constructor. `clock` and `host` outlive it.
class PeerBook {
 public:
  /// Since 1970.
  using WallClock = std::function<libp2p::UnixTime()>;

  /// Reads `file`, if one is named and there. A file that is no good is put aside, named .bad, and said so in the log;
  /// the node then knows nobody.
  PeerBook(base::Clock& clock, libp2p::Host& host, WallClock now, std::optional<std::filesystem::path> file);
  /// Stops.
  ~PeerBook();

  const libp2p::PeerStore& peers() const;
  /// What others say of where a peer is.
  void heard(const multiformats::PeerId& peer, const std::vector<multiformats::Multiaddr>& addresses);
  std::vector<multiformats::Multiaddr> addresses_of(const multiformats::PeerId& peer) const;
  /// Peers with the KV protocol that were here last, the latest first.
  std::vector<multiformats::PeerId> last_kv_peers(std::size_t peers_max) const;
  bool is_kv_peer(const multiformats::PeerId& peer) const;

  /// Saves what has changed; follows the host no more. Idempotent.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the host's callbacks
};

}  // namespace kvp2p
