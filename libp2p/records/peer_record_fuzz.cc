#include "libp2p/records/peer_record.h"

#include <cstdlib>

// Envelopes from peers, and the records in them. No mutation of bytes makes a signature, so besides the envelope as it
// is, its payload is tried as if a peer had signed it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace libp2p;
  static const multiformats::PrivateKey key =
      multiformats::PrivateKey::from_ed25519_seed(std::array<std::uint8_t, 32>{});
  const base::ConstBytes bytes(data, size);
  if (const auto record = open_peer_record(bytes); record && record->addresses.size() > kPeerRecordAddressesMax) {
    std::abort();
  }
  const auto envelope = parse_envelope(bytes);
  if (envelope && parse_envelope(serialise_envelope(*envelope))->public_key != envelope->public_key) std::abort();
  const base::ConstBytes payload = envelope ? base::ConstBytes(envelope->payload) : bytes;
  const auto sealed = seal_envelope(key, "libp2p-peer-record", base::as_bytes("\x03\x01"), payload);
  const auto record = open_peer_record(serialise_envelope(sealed));
  if (record && open_peer_record(seal_peer_record(key, *record)).value() != *record) std::abort();
  return 0;
}
