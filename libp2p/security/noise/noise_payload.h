// What libp2p adds to a Noise handshake: proof that the static key is the peer's, and extensions
// (libp2p/specs noise/README.md, connections/inlined-muxer-negotiation.md). Pure functions.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "libp2p/security/noise/secret_block.h"
#include "multiformats/keys.h"

#include <string>
#include <string_view>
#include <vector>

namespace libp2p::noise {

/// Bounds on the muxers that a peer may list, and on the signature that it sends (8,192 bits of RSA take 1,024 bytes).
inline constexpr std::size_t kMuxersMax = 16;
inline constexpr std::size_t kMuxerMaxBytes = 256;
inline constexpr std::size_t kSignatureMaxBytes = 1024;

struct HandshakePayload {
  multiformats::PublicKey identity_key;
  base::Bytes identity_sig;
  /// In the sender's order of preference; empty if it sent none.
  std::vector<std::string> stream_muxers;
};

/// The payload that proves `static_key` to be `identity`'s and offers `muxers`, if there are any.
base::Bytes make_payload(const multiformats::PrivateKey& identity, const Block& static_key,
                         const std::vector<std::string>& muxers);

/// Error::kMalformedMessage for what is no payload, lacks a key or signature, or exceeds a bound. Does not check the
/// signature.
base::Result<HandshakePayload> parse_payload(base::ConstBytes bytes);

/// Success, or Error::kBadSignature if the payload's key has not signed `static_key`.
base::Result<> verify_payload(const HandshakePayload& payload, const Block& static_key);

/// The muxer that both sides know now: the first of the initiator's list that is in the responder's; empty, for
/// multistream later, if either listed none. Error::kProtocolNotSupported if both did and share none.
base::Result<std::string> agree_on_muxer(const std::vector<std::string>& initiators,
                                         const std::vector<std::string>& responders);

}  // namespace libp2p::noise
