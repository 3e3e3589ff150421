// Any bytes are a list within its bounds, or an error in a line that is there.
#include "base/bytes.h"
#include "provider/peer_list.h"

#include <algorithm>
#include <cstdlib>

namespace {

template <class List>
void check(const base::TextResult<List>& list, std::string_view text) {
  if (list) return;
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  if (list.error().line > lines || list.error().message.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::as_text(base::ConstBytes(data, size));
  const auto peers = kvp2p::parse_peer_list(text);
  check(peers, text);
  if (peers && peers->size() > kvp2p::kListedPeersMax) std::abort();
  check(kvp2p::parse_gate_list(text), text);
  return 0;
}
