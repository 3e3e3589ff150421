#include "libp2p/protocols/dcutr/dcutr_message.h"

#include <cstdlib>

// Whatever is parsed is within its bounds, and is read as the same once it has been written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace libp2p::dcutr;
  const auto message = parse_hole_punch({data, size});
  if (!message) return 0;
  if (message->addresses.size() > kMessageAddressesMax) std::abort();
  auto again = parse_hole_punch(serialise(*message));
  if (!again || again->type != message->type || again->addresses.size() > message->addresses.size()) std::abort();
  return 0;
}
