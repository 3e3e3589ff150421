// The extension that ties a certificate to a host key (libp2p/specs tls/tls.md, "libp2p Public Key Extension"). Pure.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "multiformats/keys.h"

namespace libp2p::tls {

inline constexpr const char* kSignedKeyOid = "1.3.6.1.4.1.53594.1.1";

/// Bounds on the extension and on the signature in it (8,192 bits of RSA take 1,024 bytes).
inline constexpr std::size_t kSignatureMaxBytes = 1024;
inline constexpr std::size_t kSignedKeyMaxBytes = multiformats::kPublicKeyBytesMax + kSignatureMaxBytes + 16;

/// SEQUENCE { publicKey OCTET STRING, signature OCTET STRING }
struct SignedKey {
  multiformats::PublicKey public_key;
  base::Bytes signature;
};

/// The extension's value: `identity`'s signature over a certificate's SubjectPublicKeyInfo.
base::Bytes make_signed_key(const multiformats::PrivateKey& identity, base::ConstBytes subject_public_key);

/// As DER has it, and nothing behind it; else Error::kMalformedMessage. Does not check the signature.
base::Result<SignedKey> parse_signed_key(base::ConstBytes bytes);

/// Success, or Error::kBadSignature if the key has not signed `subject_public_key`.
base::Result<> verify_signed_key(const SignedKey& key, base::ConstBytes subject_public_key);

/// What a host key signs; for tests, too.
base::Bytes signed_bytes(base::ConstBytes subject_public_key);

}  // namespace libp2p::tls
