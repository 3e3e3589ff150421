#include "libp2p/security/tls/aead.h"

namespace libp2p::tls {

std::unique_ptr<Aead> Aead::create(Suite suite, Use use, base::ConstBytes key) {
  auto fast = make_ipsec_mb_aead(suite, use, key);
  return fast ? std::move(fast) : make_openssl_aead(suite, use, key);
}

}  // namespace libp2p::tls
