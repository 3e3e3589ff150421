// Proof that a node holds the cluster key (docs/protocol.md, "Hello"). Pure functions.
#pragma once

#include "base/bytes.h"
#include "kv/block_key.h"
#include "multiformats/peer_id.h"
#include "wire/messages.h"

namespace kvp2p {

inline constexpr std::size_t kClusterKeyBytes = 32;

/// Who is who in one hello. Everything here goes into the proof, so that it is good for this peer, this connection's
/// authenticated ends and this direction only: it can be neither reflected nor relayed nor replayed.
struct HelloTranscript {
  multiformats::PeerId opener;
  multiformats::PeerId acceptor;
  wire::Nonce opener_nonce{};
  wire::Nonce acceptor_nonce{};
};

enum class HelloRole : std::uint8_t { kOpener = 1, kAcceptor = 2 };

/// What `prover` sends. REQUIRES: key.size() == kClusterKeyBytes.
wire::Mac cluster_proof(base::ConstBytes key, const HelloTranscript& transcript, HelloRole prover);

/// What says that a holder of the key has announced this, wherever it comes from (docs/protocol.md, "Announcements by
/// gossip"). REQUIRES: key.size() == kClusterKeyBytes.
wire::Mac announcement_proof(base::ConstBytes key, const multiformats::PeerId& origin, const Fingerprint& model,
                             base::ConstBytes payload);
/// In constant time.
bool announcement_proof_fits(base::ConstBytes key, const multiformats::PeerId& origin, const Fingerprint& model,
                             base::ConstBytes payload, base::ConstBytes proof);
/// What a model's topic is named after: nobody without the key can tell whose it is or what for. An empty key: after
/// the model itself.
Fingerprint gossip_topic_name(base::ConstBytes key, const Fingerprint& model);
/// Which cluster's gossip it is; an empty key: that of all who need no key.
wire::GossipTag gossip_tag(base::ConstBytes key);

/// In constant time.
bool cluster_proof_fits(base::ConstBytes key, const HelloTranscript& transcript, HelloRole prover,
                        const wire::Mac& proof);

}  // namespace kvp2p
