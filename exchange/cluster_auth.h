// Proof that a node holds the cluster key (docs/protocol.md, "Hello"). Pure functions.
#pragma once

#include "base/bytes.h"
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

/// In constant time.
bool cluster_proof_fits(base::ConstBytes key, const HelloTranscript& transcript, HelloRole prover,
                        const wire::Mac& proof);

}  // namespace kvp2p
