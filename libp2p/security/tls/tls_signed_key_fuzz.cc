// Any bytes are a SignedKey within the bounds, in its one encoding, or an error; no signature fits by chance.
#include "libp2p/security/tls/signed_key.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace libp2p::tls;
  const auto key = parse_signed_key(base::ConstBytes(data, size));
  if (!key) return 0;
  if (key->signature.empty() || key->signature.size() > kSignatureMaxBytes || size > kSignedKeyMaxBytes) std::abort();
  if (verify_signed_key(*key, base::as_bytes("nobody has signed this"))) std::abort();
  return 0;
}
