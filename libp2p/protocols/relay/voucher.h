// Reservation vouchers: a relay's signed word that it serves a peer (libp2p/specs relay/circuit-v2.md, "Reservation
// Vouchers"). Pure.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "multiformats/keys.h"
#include "multiformats/peer_id.h"

#include <cstdint>

namespace libp2p::relay {

struct Voucher {
  multiformats::PeerId relay;
  multiformats::PeerId peer;
  std::uint64_t expiration_unix_s = 0;

  friend bool operator==(const Voucher&, const Voucher&) = default;
};

/// A signed envelope. REQUIRES: `key` is the relay's.
base::Bytes seal_voucher(const multiformats::PrivateKey& key, const Voucher& voucher);
/// Error::kMessageTooLong or kMalformedMessage; Error::kBadSignature if the relay that it names has not signed it.
base::Result<Voucher> open_voucher(base::ConstBytes envelope);

}  // namespace libp2p::relay
