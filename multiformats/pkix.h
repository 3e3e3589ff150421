// Public keys as PKIX writes them (RFC 5280's SubjectPublicKeyInfo in DER), read strictly: of the many encodings that a
// lenient reader takes for the same key, exactly one is right, so that a key has one peer id. Pure functions.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace multiformats {

/// go-libp2p's bounds; a signature by the longest is checked in about a millisecond.
inline constexpr std::size_t kRsaBitsMin = 2048;
inline constexpr std::size_t kRsaBitsMax = 8192;
/// Bound on RSA's public exponent: the time to check a signature grows with it. Nearly all keys have 65537.
inline constexpr std::size_t kRsaExponentBytesMax = 4;
inline constexpr std::size_t kSecp256k1PublicBytes = 33;

/// Success if `der` is an RSA public key. kBadKey for what is not, or is encoded otherwise; kBadKeySize outside the
/// bounds above. What else makes numbers a key (that the modulus is a product of two primes) is not checked.
base::Result<> check_rsa_pkix(base::ConstBytes der);

/// Success if `der` has the form of a public key on P-256, P-384 or P-521 (no others: curves differ in what they cost),
/// the curve named by its identifier, the point not compressed; else kBadKey. Whether the point is on the curve is not
/// checked.
base::Result<> check_ecdsa_pkix(base::ConstBytes der);

/// Success, or kBadKey, for the form of a compressed point. Whether it is on the curve is not checked.
base::Result<> check_secp256k1(base::ConstBytes point);
/// The same key in PKIX. REQUIRES: check_secp256k1() took it.
base::Bytes secp256k1_to_pkix(base::ConstBytes point);

}  // namespace multiformats
