// Any bytes are a payload within the bounds, or an error; no signature fits by chance.
#include "libp2p/security/noise/noise_payload.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace libp2p::noise;
  const auto payload = parse_payload(base::ConstBytes(data, size));
  if (!payload) return 0;
  if (payload->stream_muxers.size() > kMuxersMax || payload->identity_sig.size() > kSignatureMaxBytes) std::abort();
  if (verify_payload(*payload, Block{})) std::abort();
  const auto muxer = agree_on_muxer({"/yamux/1.0.0"}, payload->stream_muxers);
  if (!muxer && payload->stream_muxers.empty()) std::abort();
  return 0;
}
