// Peer records: the addresses of a peer, signed by it (libp2p/specs RFC/0003). Pure functions.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "libp2p/records/signed_envelope.h"
#include "multiformats/multiaddr.h"
#include "multiformats/peer_id.h"

#include <functional>
#include <vector>

namespace libp2p {

/// As many as identify takes.
inline constexpr std::size_t kPeerRecordAddressesMax = 100;

struct PeerRecord {
  multiformats::PeerId peer;
  /// Grows from one record of a peer to the next; nothing else is to be read into it.
  std::uint64_t seq = 0;
  std::vector<multiformats::Multiaddr> addresses;

  friend bool operator==(const PeerRecord&, const PeerRecord&) = default;
};

enum class PeerRecordForm {
  kCurrent,  ///< as go-, js- and (on request) rust-libp2p make it: domain "libp2p-peer-record", payload type 03 01
  kOlder,    ///< as the RFC names it and rust-libp2p's rendezvous reads no other
};

/// A signed envelope around `record`. REQUIRES: `record` is of the peer that has `key`.
base::Bytes seal_peer_record(const multiformats::PrivateKey& key, const PeerRecord& record,
                             PeerRecordForm form = PeerRecordForm::kCurrent);

/// Opens a signed envelope: of the form above, or of the one that the RFC names and rust-libp2p makes by default
/// (domain "libp2p-routing-state", payload type "/libp2p/routing-state-record"). Error::kBadSignature if it is not
/// signed by the peer that it is about, kMalformedMessage or kMessageTooLong for what is no such envelope. Left out are
/// addresses of protocols that we do not know, and those over kPeerRecordAddressesMax.
base::Result<PeerRecord> open_peer_record(base::ConstBytes envelope);

/// That, or what does the same in another way.
using OpenPeerRecord = std::function<base::Result<PeerRecord>(base::ConstBytes envelope)>;

}  // namespace libp2p
