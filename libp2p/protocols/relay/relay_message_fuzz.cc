#include "libp2p/protocols/relay/circuit_address.h"
#include "libp2p/protocols/relay/relay_message.h"

#include <cstdlib>

// Whatever is parsed is within its bounds, and is read as the same once it has been written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace libp2p::relay;
  if (const auto hop = parse_hop_message({data, size})) {
    if (hop->reservation && hop->reservation->addresses.size() > kMessageAddressesMax) std::abort();
    const auto again = serialise(*hop);
    if (again.size() <= kMessageBytesMax && parse_hop_message(again).value() != *hop) std::abort();
    if (hop->reservation && hop->peer) {
      for (const auto& address : hop->reservation->addresses) {
        const auto circuit = make_circuit_address(address, *hop->peer);
        if (circuit && CircuitAddress::parse(*circuit).value().relay != *hop->peer) std::abort();
      }
    }
  }
  if (const auto stop = parse_stop_message({data, size})) {
    const auto again = serialise(*stop);
    if (again.size() <= kMessageBytesMax && parse_stop_message(again).value() != *stop) std::abort();
  }
  return 0;
}
