// Hello on a new control stream: versions, limits, and the proof of the cluster key, both ways.
#pragma once

#include "base/result.h"
#include "base/task.h"
#include "exchange/access_control.h"
#include "exchange/cluster_auth.h"
#include "exchange/exchange.h"
#include "libp2p/core/stream.h"
#include "wire/messages.h"

#include <string>

namespace kvp2p {

/// This node's side of a hello.
struct HelloParameters {
  multiformats::PeerId local_peer;
  multiformats::PeerId remote_peer;
  base::ConstBytes cluster_key;  // empty: none
  /// Serve this peer without a proof: the node is open, or trusts it by its id.
  bool trusted = false;
  /// Who is of any use by the cluster file; null: whoever has the key or is trusted.
  const AccessControl* access = nullptr;
  wire::Hello hello;  // without nonce
};

struct HelloOutcome {
  wire::Hello theirs;
  /// The peer may ask this node, and is believed.
  bool peer_authorised = false;
  /// The peer has proved the cluster key, or is trusted as if it had.
  bool peer_holds_key = false;
  wire::SessionId session_for_peer{};
  /// This node may ask the peer.
  bool we_are_authorised = false;
  wire::SessionId session_from_peer{};
  /// Why the peer is refused, or refuses.
  std::string reason;
};

/// The caller bounds the time by resetting the stream; everything in `parameters` outlives the call.
base::Task<base::Result<HelloOutcome>> open_hello(libp2p::Stream& stream, const HelloParameters& parameters);
/// `theirs` is the first message of the stream, already read.
base::Task<base::Result<HelloOutcome>> accept_hello(libp2p::Stream& stream, const HelloParameters& parameters,
                                                    wire::Hello theirs);

/// One message with its length checked before anything is allocated.
base::Task<base::Result<wire::Message>> read_first_message(libp2p::Stream& stream);

}  // namespace kvp2p
