// The certificate that a node shows, and the check of a peer's (libp2p/specs tls/tls.md, "Peer Authentication").
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "libp2p/security/tls/openssl_types.h"
#include "multiformats/keys.h"

#include <ctime>

namespace libp2p::tls {

/// A certificate and the private key that it is of. Both are reference-counted by OpenSSL and not changed.
struct Certificate {
  X509Pointer certificate;
  KeyPointer key;
};

/// A new P-256 key, and the self-signed certificate in which `identity` signs it. Valid from a day before `now`, as
/// clocks differ, for longer than any node runs.
Certificate make_certificate(const multiformats::PrivateKey& identity, std::time_t now);

/// The host key that `certificate` proves. Error::kBadSignature if the host key or the certificate's own key has not
/// signed it; Error::kHandshakeFailed if it is not valid at `now`, is of a weak key or digest, or has critical
/// extensions that are unknown; Error::kMalformedMessage if it lacks a well-formed SignedKey, or has two.
base::Result<multiformats::PublicKey> verify_certificate(x509_st* certificate, std::time_t now);

/// The same of a certificate in DER, with nothing behind it.
base::Result<multiformats::PublicKey> verify_certificate(base::ConstBytes der, std::time_t now);

}  // namespace libp2p::tls
