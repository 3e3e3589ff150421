#include "libp2p/protocols/relay/voucher.h"

#include "libp2p/core/error.h"
#include "libp2p/protocols/relay/relay.pb.h"
#include "libp2p/records/signed_envelope.h"

#include <cassert>

namespace libp2p::relay {

namespace {

constexpr std::string_view kDomain = "libp2p-relay-rsvp";
constexpr std::string_view kPayloadType = "\x03\x02";

}  // namespace

base::Bytes seal_voucher(const multiformats::PrivateKey& key, const Voucher& voucher) {
  assert(voucher.relay.matches(key.public_key()));
  pb::ReservationVoucher pb;
  pb.set_relay(std::string(base::as_text(voucher.relay.as_bytes())));
  pb.set_peer(std::string(base::as_text(voucher.peer.as_bytes())));
  pb.set_expiration(voucher.expiration_unix_s);
  const std::string payload = pb.SerializeAsString();
  return serialise_envelope(seal_envelope(key, kDomain, base::as_bytes(kPayloadType), base::as_bytes(payload)));
}

base::Result<Voucher> open_voucher(base::ConstBytes bytes) {
  const auto envelope = parse_envelope(bytes);
  if (!envelope) return envelope.error();
  if (base::as_text(envelope->payload_type) != kPayloadType) return Error::kMalformedMessage;
  if (const auto verified = verify_envelope(*envelope, kDomain); !verified) return verified.error();
  pb::ReservationVoucher pb;
  const auto& payload = envelope->payload;
  if (!pb.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) return Error::kMalformedMessage;
  const auto relay = multiformats::PeerId::from_bytes(base::as_bytes(pb.relay()));
  const auto peer = multiformats::PeerId::from_bytes(base::as_bytes(pb.peer()));
  if (!relay || !peer) return Error::kMalformedMessage;
  if (!relay->matches(envelope->public_key)) return Error::kBadSignature;
  return Voucher{*relay, *peer, pb.expiration()};
}

}  // namespace libp2p::relay
