#include "libp2p/records/peer_record.h"

#include "libp2p/core/error.h"
#include "libp2p/records/records.pb.h"

#include <cassert>

namespace libp2p {

namespace {

constexpr std::string_view kDomain = "libp2p-peer-record";
constexpr std::string_view kPayloadType = "\x03\x01";
// What the RFC named before there was a multicodec.
constexpr std::string_view kOlderDomain = "libp2p-routing-state";
constexpr std::string_view kOlderPayloadType = "/libp2p/routing-state-record";

base::Bytes serialise(const PeerRecord& record) {
  records::pb::PeerRecord message;
  message.set_peer_id(std::string(base::as_text(record.peer.as_bytes())));
  message.set_seq(record.seq);
  for (const auto& address : record.addresses) {
    message.add_addresses()->set_multiaddr(std::string(base::as_text(address.to_bytes())));
  }
  return base::to_bytes(base::as_bytes(message.SerializeAsString()));
}

base::Result<PeerRecord> parse(base::ConstBytes bytes) {
  records::pb::PeerRecord message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Error::kMalformedMessage;
  const auto peer = multiformats::PeerId::from_bytes(base::as_bytes(message.peer_id()));
  if (!peer) return Error::kMalformedMessage;
  PeerRecord record{*peer, message.seq(), {}};
  for (const auto& info : message.addresses()) {
    if (record.addresses.size() == kPeerRecordAddressesMax) break;
    auto address = multiformats::Multiaddr::from_bytes(base::as_bytes(info.multiaddr()));
    if (address && !address->empty()) record.addresses.push_back(std::move(*address));
  }
  return record;
}

/// The domain that goes with an envelope's payload type; empty if it holds something else.
std::string_view domain_of(const SignedEnvelope& envelope) {
  const std::string_view type = base::as_text(envelope.payload_type);
  if (type == kPayloadType) return kDomain;
  if (type == kOlderPayloadType) return kOlderDomain;
  return {};
}

}  // namespace

base::Bytes seal_peer_record(const multiformats::PrivateKey& key, const PeerRecord& record, PeerRecordForm form) {
  assert(record.peer.matches(key.public_key()));
  const bool is_current = form == PeerRecordForm::kCurrent;
  const std::string_view domain = is_current ? kDomain : kOlderDomain;
  const std::string_view type = is_current ? kPayloadType : kOlderPayloadType;
  return serialise_envelope(seal_envelope(key, domain, base::as_bytes(type), serialise(record)));
}

base::Result<PeerRecord> open_peer_record(base::ConstBytes bytes) {
  const auto envelope = parse_envelope(bytes);
  if (!envelope) return envelope.error();
  const std::string_view domain = domain_of(*envelope);
  if (domain.empty()) return Error::kMalformedMessage;
  if (const auto verified = verify_envelope(*envelope, domain); !verified) return verified.error();
  auto record = parse(envelope->payload);
  if (record && !record->peer.matches(envelope->public_key)) return Error::kBadSignature;
  return record;
}

}  // namespace libp2p
