// The primitives that Noise_XX_25519_ChaChaPoly_SHA256 is made of, over libsodium; its cipher is in
// cipher_state.h.
#pragma once

#include "libp2p/security/noise/noise_state.h"

namespace libp2p::noise {

/// The X25519 shared secret; nothing if it is all zero (a public key of small order).
std::optional<SecretBlock> diffie_hellman(const KeyPair& ours, const Block& theirs);

Block sha256(base::ConstBytes first, base::ConstBytes second = {});

/// The spec's HKDF with two outputs.
std::pair<SecretBlock, SecretBlock> hkdf(const SecretBlock& chaining_key, base::ConstBytes input);

/// Aborts the process: a primitive that cannot fail has failed (a broken OpenSSL, or no memory).
[[noreturn]] void crypto_failure(const char* what);

}  // namespace libp2p::noise
