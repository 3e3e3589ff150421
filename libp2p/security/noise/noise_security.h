// The security protocol /noise (libp2p/specs noise/README.md).
#pragma once

#include "libp2p/core/security.h"
#include "libp2p/security/noise/noise_payload.h"
#include "libp2p/security/noise/noise_state.h"
#include "multiformats/keys.h"

namespace libp2p::noise {

/// Bound on a handshake message: twice what the largest keys, signatures and lists allowed take.
inline constexpr std::size_t kHandshakeMessageMaxBytes = 8 * 1024;

/// Errors of a handshake: Error::kHandshakeFailed (not Noise, or tampered with), kMalformedMessage, kMessageTooLong,
/// kBadSignature, kPeerIdMismatch, kProtocolNotSupported (no muxer in common), and those of the raw stream. The raw
/// stream is reset after each of them.
///
/// Thread-safe: no state changes after construction. It outlives the tasks that it makes.
class NoiseSecurity final : public Security {
 public:
  /// Offers `muxers` inside the handshake, in this order.
  NoiseSecurity(multiformats::PrivateKey identity, std::vector<std::string> muxers);
  /// Offers one, or none if it is empty.
  NoiseSecurity(multiformats::PrivateKey identity, std::string muxer);

  std::string_view protocol_id() const override { return "/noise"; }
  base::Task<base::Result<SecuredStream>> secure_outbound(std::unique_ptr<Stream> raw,
                                                          std::optional<multiformats::PeerId> expected) override;
  base::Task<base::Result<SecuredStream>> secure_inbound(std::unique_ptr<Stream> raw) override;

 private:
  std::vector<std::string> muxers_;
  KeyPair static_key_;   ///< this node's, new at every start, never stored
  base::Bytes payload_;  ///< signed once, as the static key does not change
};

}  // namespace libp2p::noise
