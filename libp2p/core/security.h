// Security: turns a raw stream into an encrypted one whose other end is known by its peer id.
#pragma once

#include "libp2p/core/stream.h"
#include "multiformats/peer_id.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace libp2p {

/// What a security handshake yields.
struct SecuredStream {
  std::unique_ptr<Stream> stream;
  multiformats::PeerId remote_peer;
  multiformats::PublicKey remote_key;
  /// The muxer agreed on in the handshake, empty if it must be negotiated by multistream over `stream`.
  std::string muxer;
};

/// One security protocol (noise, TLS).
class Security {
 public:
  virtual ~Security() = default;
  /// For example "/noise".
  virtual std::string_view protocol_id() const = 0;
  /// Runs the handshake as the dialler. If `expected` is set, any other peer is Error::kPeerIdMismatch, found before
  /// anything else is sent. The caller bounds the time by resetting what is under `raw` (see ScopedDeadline).
  virtual base::Task<base::Result<SecuredStream>> secure_outbound(std::unique_ptr<Stream> raw,
                                                                  std::optional<multiformats::PeerId> expected) = 0;
  virtual base::Task<base::Result<SecuredStream>> secure_inbound(std::unique_ptr<Stream> raw) = 0;
};

}  // namespace libp2p
