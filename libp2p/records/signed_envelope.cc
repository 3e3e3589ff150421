#include "libp2p/records/signed_envelope.h"

#include "libp2p/core/error.h"
#include "libp2p/records/records.pb.h"
#include "multiformats/varint.h"

namespace libp2p {

namespace {

/// What is signed: domain, type and payload, each after its length.
base::Bytes signed_bytes(std::string_view domain, base::ConstBytes payload_type, base::ConstBytes payload) {
  base::Bytes bytes;
  for (const base::ConstBytes part : {base::as_bytes(domain), payload_type, payload}) {
    multiformats::append_uvarint(bytes, part.size());
    base::append(bytes, part);
  }
  return bytes;
}

std::string to_string(base::ConstBytes bytes) { return std::string(base::as_text(bytes)); }

}  // namespace

SignedEnvelope seal_envelope(const multiformats::PrivateKey& key, std::string_view domain,
                             base::ConstBytes payload_type, base::ConstBytes payload) {
  return {key.public_key(), base::to_bytes(payload_type), base::to_bytes(payload),
          key.sign(signed_bytes(domain, payload_type, payload))};
}

base::Bytes serialise_envelope(const SignedEnvelope& envelope) {
  records::pb::SignedEnvelope message;
  message.set_public_key(to_string(envelope.public_key.to_protobuf()));
  message.set_payload_type(to_string(envelope.payload_type));
  message.set_payload(to_string(envelope.payload));
  message.set_signature(to_string(envelope.signature));
  return base::to_bytes(base::as_bytes(message.SerializeAsString()));
}

base::Result<SignedEnvelope> parse_envelope(base::ConstBytes bytes) {
  if (bytes.size() > kSignedEnvelopeMaxBytes) return Error::kMessageTooLong;
  records::pb::SignedEnvelope message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Error::kMalformedMessage;
  if (message.payload_type().size() > kPayloadTypeMaxBytes) return Error::kMessageTooLong;
  if (message.signature().size() > kEnvelopeSignatureMaxBytes) return Error::kMessageTooLong;
  auto key = multiformats::PublicKey::from_protobuf(base::as_bytes(message.public_key()));
  if (!key) return Error::kMalformedMessage;
  return SignedEnvelope{std::move(*key), base::to_bytes(base::as_bytes(message.payload_type())),
                        base::to_bytes(base::as_bytes(message.payload())),
                        base::to_bytes(base::as_bytes(message.signature()))};
}

base::Result<> verify_envelope(const SignedEnvelope& envelope, std::string_view domain) {
  const base::Bytes bytes = signed_bytes(domain, envelope.payload_type, envelope.payload);
  if (!envelope.public_key.verify(bytes, envelope.signature)) return Error::kBadSignature;
  return {};
}

}  // namespace libp2p
