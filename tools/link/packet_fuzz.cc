// Any bytes of a TUN device, cut in every way: no more comes out than went in.
#include "tools/link/packet.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using kvp2p::link::Packet;
  const auto packet = Packet::parse({data, size});
  if (!packet) return 0;
  std::size_t segments = packet->segments();
  if (segments == 0 || segments > size) std::abort();
  for (std::size_t i = 0; i < segments && i < 64; ++i) {
    const auto cut = packet->cut(i, segments > 1 ? 1 : segments);
    if (cut.size() != packet->segment_bytes(i) + kvp2p::link::kVnetHeaderBytes) std::abort();
    const auto again = Packet::parse(cut);
    if (segments > 1 && (!again || again->segments() != 1)) std::abort();
  }
  return 0;
}
