#include "libp2p/protocols/relay/voucher.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)libp2p::relay::open_voucher({data, size});
  return 0;
}
