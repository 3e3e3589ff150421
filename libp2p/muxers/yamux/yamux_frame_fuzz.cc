// Any twelve bytes: refused, or a header that encodes to the same meaning again.
#include "libp2p/muxers/yamux/yamux_frame.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace libp2p::yamux;
  if (size < kFrameHeaderBytes) return 0;
  const std::span<const std::uint8_t, kFrameHeaderBytes> bytes(data, kFrameHeaderBytes);
  const auto header = decode_frame_header(bytes);
  if (!header) return 0;
  std::array<std::uint8_t, kFrameHeaderBytes> again;
  encode_frame_header(*header, again);
  if (!std::equal(again.begin(), again.end(), data)) std::abort();
  return 0;
}
