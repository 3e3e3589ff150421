#include "exchange/cluster_auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cassert>

namespace kvp2p {

namespace {

constexpr std::string_view kDomain = "kv-cache-p2p/1 cluster proof";

void append_sized(base::Bytes& to, base::ConstBytes bytes) {
  assert(bytes.size() <= UINT8_MAX);
  to.push_back(static_cast<std::uint8_t>(bytes.size()));
  base::append(to, bytes);
}

}  // namespace

wire::Mac cluster_proof(base::ConstBytes key, const HelloTranscript& transcript, HelloRole prover) {
  assert(key.size() == kClusterKeyBytes);
  base::Bytes input;
  append_sized(input, base::as_bytes(kDomain));
  input.push_back(static_cast<std::uint8_t>(prover));
  append_sized(input, transcript.opener.as_bytes());
  append_sized(input, transcript.acceptor.as_bytes());
  base::append(input, transcript.opener_nonce);
  base::append(input, transcript.acceptor_nonce);
  wire::Mac mac{};
  unsigned size = 0;
  const auto* made =
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), input.data(), input.size(), mac.data(), &size);
  assert(made != nullptr && size == mac.size());
  static_cast<void>(made);
  return mac;
}

bool cluster_proof_fits(base::ConstBytes key, const HelloTranscript& transcript, HelloRole prover,
                        const wire::Mac& proof) {
  const wire::Mac expected = cluster_proof(key, transcript, prover);
  return CRYPTO_memcmp(expected.data(), proof.data(), expected.size()) == 0;
}

}  // namespace kvp2p
