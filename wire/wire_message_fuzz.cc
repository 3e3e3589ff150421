// Any bytes are decoded or refused; what is decoded survives a round trip, within its bounds.
#include "wire/codec.h"
#include "wire/limits.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kvp2p::wire;
  auto message = decode({data, size});
  if (!message) return 0;
  const auto again = encode(*message);
  auto back = decode(again);
  if (!back || *back != *message) std::abort();
  if (encode(*back) != again) std::abort();
  if (const auto* lookup = std::get_if<Lookup>(&message->body)) {
    if (lookup->keys.size() > kKeysMax || lookup->model_fields.size() > kvp2p::kModelFieldsMax) std::abort();
  }
  if (const auto* frame = std::get_if<FrameHeader>(&message->body)) {
    if (frame->length > kFramePayloadBytesMax || frame->leaves.size() > kFrameLeavesMax) std::abort();
  }
  return 0;
}
