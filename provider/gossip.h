// A node's part in its cluster's gossip about blocks: tells what it holds, and has the index hear of what others hold,
// those included that it is not connected to.
#pragma once

#include "exchange/gossip_carrier.h"
#include "index/announcements.h"
#include "libp2p/protocols/gossipsub/gossipsub.h"

#include <memory>

namespace kvp2p {

class BlockIndex;
class Exchange;

struct GossipConfig {
  /// The host's.
  multiformats::PrivateKey key;
  /// Empty: the node is open, and believes anyone.
  base::Bytes cluster_key = {};
  /// This run of the node, as its hello tells it.
  std::uint64_t epoch = 0;
  /// Where a holder can be dialled that no connection is to.
  std::function<base::Task<std::vector<multiformats::Multiaddr>>(multiformats::PeerId holder)> find_addresses = {};
};

/// Node thread only, but for create(), which may come before it runs.
class Gossip {
 public:
  /// All references outlive it.
  static base::Result<std::unique_ptr<Gossip>> create(const base::Executor& executor, base::Clock& clock,
                                                      libp2p::Host& host, Exchange& exchange, BlockIndex& index,
                                                      GossipConfig config);

  /// Hears of this model's blocks from now on; of a tenant's, by its own fingerprint of the model.
  void follow(const Fingerprint& model);
  void stored(const Fingerprint& model, const BlockKey& key) { announcements_->stored(model, key); }
  void evicted(const Fingerprint& model, const BlockKey& key) { announcements_->evicted(model, key); }
  libp2p::gossipsub::Stats stats() const { return gossipsub_->stats(); }

  /// Nothing is sent any more; the host may be closed afterwards.
  void stop();
  base::Task<> close();

 private:
  Gossip() = default;

  std::unique_ptr<libp2p::gossipsub::Gossipsub> gossipsub_;
  std::unique_ptr<GossipCarrier> carrier_;
  std::unique_ptr<Announcements> announcements_;
  /// The host's handlers may outlive this.
  std::shared_ptr<Exchange*> exchange_;
};

}  // namespace kvp2p
