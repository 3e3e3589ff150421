#include "libp2p/security/noise/noise_security.h"

#include "libp2p/core/error.h"
#include "libp2p/security/noise/noise_frames.h"
#include "libp2p/security/noise/noise_stream.h"

#include <array>

namespace libp2p::noise {

namespace {

constexpr base::ConstBytes kPrologue;  // empty

base::Task<base::Result<>> send(Stream& raw, HandshakeState& handshake, base::ConstBytes payload) {
  auto message = handshake.write_message(payload);
  if (!message) co_return message.error();
  base::Bytes frame(kFramePrefixBytes);
  base::store_be16(frame.data(), static_cast<std::uint16_t>(message->size()));
  base::append(frame, *message);
  auto written = co_await raw.write(frame);
  co_return written;
}

/// Reads one message and not a byte more, and returns its payload.
base::Task<base::Result<base::Bytes>> receive(Stream& raw, HandshakeState& handshake) {
  std::array<std::uint8_t, kFramePrefixBytes> prefix;
  const base::MutableBytes prefix_bytes(prefix);
  auto read = co_await read_exact(raw, prefix_bytes);
  if (!read) co_return read.error();
  const std::size_t size = base::load_be16(prefix.data());
  if (size > kHandshakeMessageMaxBytes) co_return Error::kMessageTooLong;
  base::Bytes message(size);
  const base::MutableBytes message_bytes(message);
  auto rest = co_await read_exact(raw, message_bytes);
  if (!rest) co_return rest.error();
  co_return handshake.read_message(message);
}

/// Reads the other side's payload and checks that it proves the static key.
base::Task<base::Result<HandshakePayload>> receive_identity(Stream& raw, HandshakeState& handshake) {
  auto bytes = co_await receive(raw, handshake);
  if (!bytes) co_return bytes.error();
  auto payload = parse_payload(*bytes);
  if (!payload) co_return payload.error();
  auto verified = verify_payload(*payload, handshake.remote_static_key());
  if (!verified) co_return verified.error();
  co_return std::move(*payload);
}

SecuredStream finish(std::unique_ptr<Stream> raw, const HandshakeState& handshake, const HandshakePayload& identity,
                     std::string muxer) {
  return {std::make_unique<NoiseStream>(std::move(raw), handshake.split()),
          multiformats::PeerId::from_public_key(identity.identity_key), identity.identity_key, std::move(muxer)};
}

}  // namespace

NoiseSecurity::NoiseSecurity(multiformats::PrivateKey identity, std::vector<std::string> muxers)
    : muxers_(std::move(muxers)),
      static_key_(KeyPair::generate()),
      payload_(make_payload(identity, static_key_.public_key, muxers_)) {}

NoiseSecurity::NoiseSecurity(multiformats::PrivateKey identity, std::string muxer)
    : NoiseSecurity(std::move(identity), muxer.empty() ? std::vector<std::string>() : std::vector{std::move(muxer)}) {}

base::Task<base::Result<SecuredStream>> NoiseSecurity::secure_outbound(std::unique_ptr<Stream> raw,
                                                                       std::optional<multiformats::PeerId> expected) {
  HandshakeState handshake(Role::kInitiator, kPrologue, static_key_);
  const base::ConstBytes nothing;
  auto first = co_await send(*raw, handshake, nothing);
  if (!first) co_return first.error();
  auto identity = co_await receive_identity(*raw, handshake);
  if (!identity) co_return identity.error();
  if (expected && !expected->matches(identity->identity_key)) co_return Error::kPeerIdMismatch;
  auto muxer = agree_on_muxer(muxers_, identity->stream_muxers);
  if (!muxer) co_return muxer.error();
  auto last = co_await send(*raw, handshake, payload_);
  if (!last) co_return last.error();
  co_return finish(std::move(raw), handshake, *identity, std::move(*muxer));
}

base::Task<base::Result<SecuredStream>> NoiseSecurity::secure_inbound(std::unique_ptr<Stream> raw) {
  HandshakeState handshake(Role::kResponder, kPrologue, static_key_);
  auto first = co_await receive(*raw, handshake);
  if (!first) co_return first.error();
  if (!first->empty()) co_return Error::kHandshakeFailed;  // it would be readable by anyone
  auto second = co_await send(*raw, handshake, payload_);
  if (!second) co_return second.error();
  auto identity = co_await receive_identity(*raw, handshake);
  if (!identity) co_return identity.error();
  auto muxer = agree_on_muxer(identity->stream_muxers, muxers_);
  if (!muxer) co_return muxer.error();
  co_return finish(std::move(raw), handshake, *identity, std::move(*muxer));
}

}  // namespace libp2p::noise
