// Signatures by keys in PKIX, checked by OpenSSL. Pure functions.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace multiformats {

/// Success if `signature` over the SHA-256 of `message` is by the key `der`: ECDSA's in DER, with either `s` that fits;
/// RSA's by PKCS#1 v1.5. Else kBadSignature, or kBadKey if `der` is no key, such as a point that is not on its curve.
/// REQUIRES: pkix.h has checked `der`; OpenSSL reads more than we want, and its time is bounded by what is checked
/// there.
base::Result<> verify_pkix(base::ConstBytes der, base::ConstBytes message, base::ConstBytes signature);

}  // namespace multiformats
