// Any bytes are a key file or an error, and a key that was read is written as a file that reads the same.
#include "libp2p/security/pnet/pre_shared_key.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace libp2p::pnet;
  const auto key = parse_key_file(base::as_text(base::ConstBytes(data, size)));
  if (!key) return 0;
  const auto again = parse_key_file(key_file_text(*key));
  if (!again || *again != *key) std::abort();
  return 0;
}
