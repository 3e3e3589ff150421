// Values of any type are passed over exactly as msgpack's own parser does, or refused.
#include "wire/msgpack_reader.h"

#include <msgpack.hpp>

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kvp2p::wire::MsgpackReader reader({data, size});
  if (!reader.skip()) return 0;
  const std::size_t skipped = size - reader.rest().size();
  std::size_t parsed = 0;
  msgpack::null_visitor visitor;
  if (!msgpack::parse(reinterpret_cast<const char*>(data), size, parsed, visitor)) std::abort();
  if (parsed != skipped) std::abort();
  return 0;
}
