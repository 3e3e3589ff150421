// Carries announcements: changes and digests by GossipSub, questions over streams of their own.
#pragma once

#include "index/announcements.h"
#include "libp2p/host/host.h"
#include "libp2p/protocols/gossipsub/gossipsub.h"

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace kvp2p {

/// One question a stream: the model's fingerprint (32 bytes), then the question with its length before it; the answer
/// comes the same way, and nothing where there is none (docs/protocol.md, "Announcements by gossip").
inline constexpr std::string_view kMissedBlocksProtocol = "/kv-cache-p2p/missed-blocks/1.0.0";

struct GossipCarrierConfig {
  /// Announcements are believed, and passed on, only with a proof of this key, whoever brings them; empty: without.
  /// REQUIRES: kClusterKeyBytes, or none.
  base::Bytes cluster_key = {};
  /// Whose announcements are believed; others' are neither taken nor passed on.
  std::function<bool(const multiformats::PeerId& author)> may_announce;
  /// Whose questions are answered. Who is refused, as its hello is not over yet, asks again at the next digest.
  std::function<bool(const multiformats::PeerId& asker)> may_ask;
  /// Where a holder that there is no connection to can be dialled; none if nobody knows. May be empty.
  std::function<std::vector<multiformats::Multiaddr>(const multiformats::PeerId& holder)> addresses_of = {};
  /// The same as the first two, about blocks of that model (or tenant's space of one): both must let a peer. May be
  /// empty.
  using About = std::function<bool(const multiformats::PeerId& peer, const Fingerprint& model)>;
  About may_announce_about = {};
  About may_ask_about = {};
  /// Looks for them, where nobody knows: in a DHT, say. It outlives what the carrier has been asked for. May be empty.
  std::function<base::Task<std::vector<multiformats::Multiaddr>>(multiformats::PeerId holder)> find_addresses = {};
};

/// Node thread only. Destroy it after the Announcements that use it have stopped; clock, host and gossipsub outlive
/// what they have been asked for.
class GossipCarrier final : public AnnouncementCarrier {
 public:
  GossipCarrier(base::Clock& clock, libp2p::Host& host, libp2p::gossipsub::Gossipsub& gossipsub,
                GossipCarrierConfig config);
  ~GossipCarrier() override;

  /// To whom what comes goes, and who answers questions: from now on they are served. It outlives stop().
  void attach(Announcements& announcements);
  /// Hears of the model's blocks from now on; nothing if it does already. Gossipsub's errors.
  base::Result<> follow(const Fingerprint& model);
  void unfollow(const Fingerprint& model);
  void stop();

  void publish(const Fingerprint& model, base::Bytes payload) override;
  base::Task<base::Result<base::Bytes>> ask(multiformats::PeerId holder, Fingerprint model, base::Bytes question,
                                            base::TimePoint deadline) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kvp2p
