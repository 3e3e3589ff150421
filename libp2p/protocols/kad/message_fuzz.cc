#include "libp2p/protocols/kad/message.h"

#include <cstdlib>

namespace {

using namespace libp2p::kad;

void check_bounds(const Message& message) {
  if (message.key.size() > kMessageKeyBytesMax) std::abort();
  if (message.record && message.record->value.size() > kMessageValueBytesMax) std::abort();
  for (const auto* peers : {&message.closer, &message.providers}) {
    if (peers->size() > kMessagePeersMax) std::abort();
    for (const PeerEntry& each : *peers) {
      std::size_t bytes = 0;
      for (const auto& address : each.addresses) bytes += address.to_bytes().size();
      if (each.id.empty() || each.addresses.size() > kPeerAddressesMax || bytes > kPeerAddressBytesMax) std::abort();
    }
  }
}

}  // namespace

// Whatever is parsed stays within its bounds, and what fits into a message that we send survives being written and read
// again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = parse_message({data, size});
  if (!message) return 0;
  check_bounds(*message);
  const base::Bytes written = serialise_message(*message);
  const auto again = parse_message(written);
  if (!again || again->type != message->type || again->key != message->key || again->record != message->record) {
    std::abort();
  }
  if (written.size() <= kSentMessageBytesMax / 2 && *again != *message) std::abort();
  return 0;
}
