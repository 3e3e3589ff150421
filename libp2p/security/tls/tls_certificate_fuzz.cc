// Any bytes are a certificate or an error. Whose it is, is told only of those of the corpus, and of others whose own
// signature nobody can make by chance: it must be there.
#include "libp2p/security/tls/certificate.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::time_t kNow = 1'700'000'000;
  const auto key = libp2p::tls::verify_certificate(base::ConstBytes(data, size), kNow);
  if (key && key->to_protobuf().empty()) std::abort();
  return 0;
}
