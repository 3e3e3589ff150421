#include "libp2p/security/noise/noise_payload.h"

#include "libp2p/core/error.h"
#include "libp2p/security/noise/noise_payload.pb.h"

#include <algorithm>

namespace libp2p::noise {

namespace {

constexpr std::string_view kSignedPrefix = "noise-libp2p-static-key:";

base::Bytes signed_bytes(const Block& static_key) {
  base::Bytes bytes = base::to_bytes(base::as_bytes(kSignedPrefix));
  base::append(bytes, static_key);
  return bytes;
}

}  // namespace

base::Bytes make_payload(const multiformats::PrivateKey& identity, const Block& static_key,
                         const std::vector<std::string>& muxers) {
  pb::NoiseHandshakePayload message;
  message.set_identity_key(std::string(base::as_text(identity.public_key().to_protobuf())));
  message.set_identity_sig(std::string(base::as_text(identity.sign(signed_bytes(static_key)))));
  for (const std::string& muxer : muxers) message.mutable_extensions()->add_stream_muxers(muxer);
  return base::to_bytes(base::as_bytes(message.SerializeAsString()));
}

base::Result<HandshakePayload> parse_payload(base::ConstBytes bytes) {
  pb::NoiseHandshakePayload message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Error::kMalformedMessage;
  if (message.identity_sig().empty() || message.identity_sig().size() > kSignatureMaxBytes) {
    return Error::kMalformedMessage;
  }
  auto key = multiformats::PublicKey::from_protobuf(base::as_bytes(message.identity_key()));
  if (!key) return Error::kMalformedMessage;
  const auto& muxers = message.extensions().stream_muxers();
  if (static_cast<std::size_t>(muxers.size()) > kMuxersMax) return Error::kMalformedMessage;
  for (const std::string& muxer : muxers) {
    if (muxer.empty() || muxer.size() > kMuxerMaxBytes) return Error::kMalformedMessage;
  }
  return HandshakePayload{
      std::move(*key), base::to_bytes(base::as_bytes(message.identity_sig())), {muxers.begin(), muxers.end()}};
}

base::Result<> verify_payload(const HandshakePayload& payload, const Block& static_key) {
  if (!payload.identity_key.verify(signed_bytes(static_key), payload.identity_sig)) return Error::kBadSignature;
  return {};
}

base::Result<std::string> agree_on_muxer(const std::vector<std::string>& initiators,
                                         const std::vector<std::string>& responders) {
  if (initiators.empty() || responders.empty()) return std::string();
  const auto agreed = std::ranges::find_first_of(initiators, responders);
  if (agreed == initiators.end()) return Error::kProtocolNotSupported;
  return *agreed;
}

}  // namespace libp2p::noise
