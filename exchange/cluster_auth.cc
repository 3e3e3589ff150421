#include "exchange/cluster_auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cassert>

namespace kvp2p {

namespace {

constexpr std::string_view kDomain = "kv-cache-p2p/1 cluster proof";
constexpr std::string_view kAnnouncementDomain = "kv-cache-p2p/1 announcement";
constexpr std::string_view kTopicDomain = "kv-cache-p2p/1 gossip topic";
constexpr std::string_view kTagDomain = "kv-cache-p2p/1 gossip tag";

void append_sized(base::Bytes& to, base::ConstBytes bytes) {
  assert(bytes.size() <= UINT8_MAX);
  to.push_back(static_cast<std::uint8_t>(bytes.size()));
  base::append(to, bytes);
}

wire::Mac hmac(base::ConstBytes key, base::ConstBytes input) {
  wire::Mac mac{};
  unsigned size = 0;
  const auto* made =
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), input.data(), input.size(), mac.data(), &size);
  assert(made != nullptr && size == mac.size());
  static_cast<void>(made);
  return mac;
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
  return hmac(key, input);
}

bool cluster_proof_fits(base::ConstBytes key, const HelloTranscript& transcript, HelloRole prover,
                        const wire::Mac& proof) {
  const wire::Mac expected = cluster_proof(key, transcript, prover);
  return CRYPTO_memcmp(expected.data(), proof.data(), expected.size()) == 0;
}

wire::Mac announcement_proof(base::ConstBytes key, const multiformats::PeerId& origin, const Fingerprint& model,
                             base::ConstBytes payload) {
  assert(key.size() == kClusterKeyBytes);
  base::Bytes input;
  append_sized(input, base::as_bytes(kAnnouncementDomain));
  append_sized(input, origin.as_bytes());
  base::append(input, model.bytes);
  base::append(input, payload);
  return hmac(key, input);
}

bool announcement_proof_fits(base::ConstBytes key, const multiformats::PeerId& origin, const Fingerprint& model,
                             base::ConstBytes payload, base::ConstBytes proof) {
  const wire::Mac expected = announcement_proof(key, origin, model, payload);
  return proof.size() == expected.size() && CRYPTO_memcmp(expected.data(), proof.data(), expected.size()) == 0;
}

Fingerprint gossip_topic_name(base::ConstBytes key, const Fingerprint& model) {
  if (key.empty()) return model;
  base::Bytes input;
  append_sized(input, base::as_bytes(kTopicDomain));
  base::append(input, model.bytes);
  return Fingerprint{hmac(key, input)};
}

wire::GossipTag gossip_tag(base::ConstBytes key) {
  base::Bytes input;
  append_sized(input, base::as_bytes(kTagDomain));
  const wire::Mac mac = hmac(key, input);
  wire::GossipTag tag{};
  std::copy_n(mac.begin(), tag.size(), tag.begin());
  return tag;
}

}  // namespace kvp2p
