// Any bytes are decoded or refused; what is decoded survives a round trip, within its bounds.
#include "direct/limits.h"
#include "direct/messages.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kvp2p::direct;
  auto message = decode({data, size});
  if (!message) return 0;
  const auto again = encode(*message);
  auto back = decode(again);
  if (!back || *back != *message || encode(*back) != again) std::abort();
  if (const auto* region = std::get_if<Region>(&*message)) {
    if (region->slots > kvp2p::kDirectSlotsMax || region->pieces > kvp2p::kExportPiecesMax) std::abort();
    // Hostile layouts are judged, not trusted.
    (void)export_of(*region).layout.fits(region->bytes);
  }
  if (const auto* pieces = std::get_if<Pieces>(&*message)) {
    if (pieces->pieces.size() > kvp2p::kDirectPiecesPerMessage) std::abort();
  }
  return 0;
}
