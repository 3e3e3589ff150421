// Peer ids that can be told apart, of keys that nobody has. For tests.
#pragma once

#include "base/bytes.h"
#include "multiformats/peer_id.h"

namespace multiformats::testing {

/// The identity multihash of an Ed25519 key whose bytes are all the number; of a larger number, its first four are.
/// Equal for equal numbers; up to 255 in their order.
inline PeerId numbered_peer(std::uint32_t number) {
  base::Bytes bytes = {0x00, 0x24, 0x08, 0x01, 0x12, 0x20};
  const std::size_t key = bytes.size();
  bytes.resize(key + 32, static_cast<std::uint8_t>(number));
  if (number > UINT8_MAX) base::store_be32(&bytes[key], number);
  return PeerId::from_bytes(bytes).value();
}

}  // namespace multiformats::testing
