#include "libp2p/protocols/identify/identify_message.h"

#include <cstdlib>

// Whatever is parsed stays within its bounds and survives being serialised and parsed again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace libp2p;
  IdentifyMessage message;
  if (!merge_identify_message({data, size}, message)) return 0;
  if (message.protocols.size() > kIdentifyProtocolsMax) std::abort();
  if (message.listen_addresses.size() > kIdentifyAddressesMax) std::abort();
  IdentifyMessage again;
  for (const auto& part : serialise_identify_message(message)) {
    if (part.size() > kIdentifySentMessageMaxBytes) std::abort();
    if (!merge_identify_message(part, again)) std::abort();
  }
  // A key or record too long for one of our messages is left out; all else is the same.
  if (again.protocols != message.protocols || again.agent_version != message.agent_version) std::abort();
  if (again.listen_addresses != message.listen_addresses) std::abort();
  return 0;
}
