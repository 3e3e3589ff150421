// Signed envelopes: a payload of some type, with the signature of the peer that made it (libp2p/specs RFC/0002). Pure
// functions.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "multiformats/keys.h"

#include <string_view>

namespace libp2p {

/// An identify message holds no more.
inline constexpr std::size_t kSignedEnvelopeMaxBytes = 8 * 1024;
inline constexpr std::size_t kPayloadTypeMaxBytes = 256;
/// 8,192 bits of RSA.
inline constexpr std::size_t kEnvelopeSignatureMaxBytes = 1024;

struct SignedEnvelope {
  multiformats::PublicKey public_key;
  base::Bytes payload_type;
  base::Bytes payload;
  base::Bytes signature;
};

/// Signs `payload`. `domain` names the purpose, and a signature for one purpose is none for another; it does not travel
/// with the envelope.
SignedEnvelope seal_envelope(const multiformats::PrivateKey& key, std::string_view domain,
                             base::ConstBytes payload_type, base::ConstBytes payload);

base::Bytes serialise_envelope(const SignedEnvelope& envelope);

/// Error::kMessageTooLong or kMalformedMessage; a key that is none is malformed too. Does not check the signature.
base::Result<SignedEnvelope> parse_envelope(base::ConstBytes bytes);

/// Success, or Error::kBadSignature if the envelope's key has not signed its payload and type for `domain`.
base::Result<> verify_envelope(const SignedEnvelope& envelope, std::string_view domain);

}  // namespace libp2p
