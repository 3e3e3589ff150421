#include "libp2p/protocols/autonat/autonat_message.h"

#include <cstdlib>

// Whatever is parsed is within its bounds, and is read as the same once it has been written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace libp2p::autonat;
  if (const auto message = parse_message({data, size})) {
    if (const auto* request = std::get_if<DialRequest>(&*message)) {
      if (request->addresses.size() > kRequestAddressesMax) std::abort();
    }
    const auto again = serialise(*message);
    if (again.size() <= kMessageBytesMax && parse_message(again).value() != *message) std::abort();
  }
  (void)parse_dial_back({data, size});
  (void)parse_dial_back_response({data, size});
  return 0;
}
