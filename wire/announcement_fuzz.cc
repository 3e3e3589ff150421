// Any bytes are an announcement or are refused; what is decoded survives a round trip, within its bounds.
#include "wire/announcements.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kvp2p::wire;
  auto announcement = decode_announcement({data, size});
  if (!announcement) return 0;
  const auto again = encode_announcement(*announcement);
  auto back = decode_announcement(again);
  if (!back || *back != *announcement) std::abort();
  if (encode_announcement(*back) != again) std::abort();
  if (const auto* parts = std::get_if<Parts>(&*announcement)) {
    if (parts->keys.size() > kPartKeysMax || parts->parts.size() > kPartsMax) std::abort();
  }
  return 0;
}
