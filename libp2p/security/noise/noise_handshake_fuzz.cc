// A peer that sends anything during the handshake. The first byte chooses what is read: message 1 or 3 by the
// listener, message 2 by the dialler. Keys are fixed, so that a corpus keeps its meaning; a second bit has the bytes
// sealed as the payload of a true message, so that what is behind the seal is reached too.
#include "libp2p/security/noise/noise_payload.h"
#include "libp2p/security/noise/noise_state.h"

#include <cstdlib>

namespace {

using namespace libp2p::noise;

KeyPair key(std::uint8_t seed) {
  Block bytes{};
  bytes.fill(seed);
  return KeyPair::from_private(bytes);
}

void read_identity(HandshakeState& reader, base::ConstBytes message) {
  const auto payload = reader.read_message(message);
  if (!payload) return;
  const auto identity = parse_payload(*payload);
  if (identity && verify_payload(*identity, reader.remote_static_key())) std::abort();  // nobody has signed it
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > kPlaintextMaxBytes / 2) return 0;
  const unsigned message = data[0] % 3;
  const bool sealed = (data[0] & 0x80) != 0;
  const base::ConstBytes bytes = base::ConstBytes(data, size).subspan(1);

  HandshakeState initiator(Role::kInitiator, {}, key(1), key(2));
  HandshakeState responder(Role::kResponder, {}, key(3), key(4));
  if (message == 0) {
    (void)responder.read_message(bytes);
    return 0;
  }
  if (!responder.read_message(*initiator.write_message({}))) std::abort();
  if (message == 1) {
    read_identity(initiator, sealed ? *responder.write_message(bytes) : base::to_bytes(bytes));
    return 0;
  }
  if (!initiator.read_message(*responder.write_message({}))) std::abort();
  read_identity(responder, sealed ? *initiator.write_message(bytes) : base::to_bytes(bytes));
  return 0;
}
