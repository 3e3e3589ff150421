// Any bytes are a peer store within its limits, or an error in a line that is there; and what was read is written as a
// text that reads the same.
#include "libp2p/peer_store/peer_store_text.h"

#include <algorithm>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace libp2p;
  PeerStoreLimits limits;
  limits.peers_max = 8;
  limits.addresses_per_peer_max = 4;
  limits.protocols_per_peer_max = 4;
  const std::string_view text = base::as_text(base::ConstBytes(data, size));
  const auto store = peer_store_from_text(text, limits);
  if (!store) {
    const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
    if (store.error().line > lines || store.error().message.empty()) std::abort();
    return 0;
  }
  if (store->size() > limits.peers_max) std::abort();
  const auto again = peer_store_from_text(to_text(*store), limits);
  if (!again || again->peers() != store->peers()) std::abort();
  return 0;
}
