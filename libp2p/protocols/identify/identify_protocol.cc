#include "libp2p/protocols/identify/identify_protocol.h"

#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"

namespace libp2p {

namespace {

base::Task<base::Result<IdentifyMessage>> read_messages(Stream& stream) {
  IdentifyMessage merged;
  for (std::size_t count = 0;; ++count) {
    auto bytes = co_await read_length_prefixed_or_eof(stream, kIdentifyMessageMaxBytes);
    if (!bytes) co_return bytes.error();
    if (!*bytes) break;
    if (count == kIdentifyMessagesMax) co_return Error::kMessageTooLong;
    auto merge = merge_identify_message(**bytes, merged);
    if (!merge) co_return merge.error();
  }
  co_return merged;
}

bool names_another_peer(const IdentifyMessage& message, const multiformats::PeerId& peer) {
  // The key is known from the handshake already; a message without one tells nothing wrong.
  if (!message.public_key) return false;
  const auto key = multiformats::PublicKey::from_protobuf(*message.public_key);
  return !key || !peer.matches(*key);
}

}  // namespace

base::Task<base::Result<>> send_identify(base::Clock& clock, std::unique_ptr<Stream> stream, IdentifyMessage message) {
  ScopedDeadline deadline(clock, clock.now() + kIdentifyTimeout, [raw = stream.get()] { raw->reset(); });
  const auto messages = serialise_identify_message(message);
  for (const base::Bytes& bytes : messages) {
    auto written = co_await write_length_prefixed(*stream, bytes);
    if (!written) co_return deadline.expired() ? base::Result<>(Error::kTimeout) : written;
  }
  auto closed = co_await stream->close_write();
  if (!closed) co_return closed;
  // Dropping the stream now would reset it, and the messages might be lost: wait until the other side closes too.
  std::uint8_t byte = 0;
  auto end = co_await stream->read_some(base::MutableBytes(&byte, 1));
  if (deadline.expired()) co_return Error::kTimeout;
  if (end && *end != 0) co_return Error::kProtocolViolation;
  co_return base::Result<>();
}

base::Task<base::Result<IdentifyMessage>> receive_identify(base::Clock& clock, std::unique_ptr<Stream> stream,
                                                           multiformats::PeerId remote_peer) {
  ScopedDeadline deadline(clock, clock.now() + kIdentifyTimeout, [raw = stream.get()] { raw->reset(); });
  auto message = co_await read_messages(*stream);
  if (deadline.expired()) co_return Error::kTimeout;
  if (!message) co_return message.error();
  if (names_another_peer(*message, remote_peer)) co_return Error::kBadSignature;
  (void)co_await stream->close_write();
  co_return std::move(*message);
}

}  // namespace libp2p
