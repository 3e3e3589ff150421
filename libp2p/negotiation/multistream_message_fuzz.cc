// Any bytes: a length and a line either parse into a message that encodes to the same bytes, or are an error.
#include "libp2p/negotiation/multistream_message.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace libp2p;
  const base::ConstBytes bytes(data, size);
  auto length = parse_multistream_length(bytes);
  if (!length) return 0;
  const std::size_t prefix = *length < 0x80 ? 1 : 2;
  if (*length > kMultistreamLineMaxBytes) std::abort();
  if (bytes.size() - prefix < *length) return 0;
  auto message = parse_multistream_message(bytes.subspan(prefix, *length));
  if (!message) return 0;
  base::Bytes again;
  append_multistream_message(again, *message);
  const base::ConstBytes original = bytes.first(prefix + *length);
  if (!std::equal(again.begin(), again.end(), original.begin(), original.end())) std::abort();
  return 0;
}
