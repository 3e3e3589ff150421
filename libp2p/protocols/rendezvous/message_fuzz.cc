// Any bytes are a message within the bounds or an error; a message that was read is written as one that reads the same;
// and no request brings a point out of its bounds.
#include "libp2p/protocols/rendezvous/registrations.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace libp2p::rendezvous;
  const auto message = parse(base::ConstBytes(data, size));
  if (!message) return 0;
  if (message->registrations.size() > kRegistrationsPerMessageMax) std::abort();
  const auto again = parse(serialise(*message));
  if (!again || *again != *message) std::abort();
  Registrations registrations({.registrations_max = 2, .per_peer_max = 1, .answer_bytes_max = 1000}, 7);
  registrations.answer(multiformats::PeerId(), *message, base::TimePoint());
  if (registrations.size() > 2) std::abort();
  return 0;
}
