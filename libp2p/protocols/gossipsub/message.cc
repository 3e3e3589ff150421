#include "libp2p/protocols/gossipsub/message.h"

#include "libp2p/core/error.h"
#include "libp2p/core/proto_fields.h"
#include "multiformats/varint.h"

#include <array>

namespace libp2p::gossipsub {

namespace {

enum Field : std::uint32_t { kFrom = 1, kData = 2, kSeqno = 3, kTopic = 4, kSignature = 5, kKey = 6 };
constexpr std::uint32_t kRpcPublish = 2;
constexpr std::size_t kSeqnoBytes = 8;
constexpr std::string_view kSignedPrefix = "libp2p-pubsub:";

std::array<std::uint8_t, kSeqnoBytes> seqno_bytes(std::uint64_t seqno) {
  std::array<std::uint8_t, kSeqnoBytes> bytes{};
  base::store_be32(bytes.data(), static_cast<std::uint32_t>(seqno >> 32));
  base::store_be32(bytes.data() + 4, static_cast<std::uint32_t>(seqno));
  return bytes;
}

/// The fields that are signed, in order. A field that did not come is not signed either.
void append_signed_fields(base::Bytes& to, const RawMessage& raw) {
  append_bytes_field(to, kFrom, raw.from);
  if (raw.data) append_bytes_field(to, kData, *raw.data);
  append_bytes_field(to, kSeqno, raw.seqno);
  append_bytes_field(to, kTopic, base::as_bytes(raw.topic));
}

base::Bytes signed_bytes(const RawMessage& raw) {
  base::Bytes bytes = base::to_bytes(base::as_bytes(kSignedPrefix));
  append_signed_fields(bytes, raw);
  return bytes;
}

}  // namespace

MessageId default_message_id(const MessageView& message) {
  const auto seqno = seqno_bytes(message.seqno);
  MessageId id(base::as_text(message.from.as_bytes()));
  return id.append(base::as_text(seqno));
}

std::optional<RawMessage> parse_message(base::ConstBytes bytes) {
  RawMessage raw;
  ProtoReader reader(bytes);
  ProtoField field;
  for (;;) {
    const auto step = reader.next(field);
    if (step == ProtoReader::Step::kMalformed) return std::nullopt;
    if (step == ProtoReader::Step::kEnd) return raw;
    if (field.number > kKey) continue;
    if (!field.is_bytes) return std::nullopt;
    switch (field.number) {
      case kFrom:
        raw.from = field.bytes;
        break;
      case kData:
        raw.data = field.bytes;
        break;
      case kSeqno:
        raw.seqno = field.bytes;
        break;
      case kTopic:
        raw.topic = base::as_text(field.bytes);
        break;
      case kSignature:
        raw.signature = field.bytes;
        break;
      default:
        raw.key = field.bytes;
        break;
    }
  }
}

base::Result<MessageView> view_of(const RawMessage& raw) {
  if (raw.topic.empty() || raw.topic.size() > kTopicBytesMax) return Error::kMalformedMessage;
  if (raw.seqno.size() != kSeqnoBytes) return Error::kMalformedMessage;
  if (raw.signature.empty() || raw.signature.size() > kSignatureBytesMax) return Error::kMalformedMessage;
  if (raw.key.size() > multiformats::kPublicKeyBytesMax) return Error::kMalformedMessage;
  auto from = multiformats::PeerId::from_bytes(raw.from);
  if (!from) return Error::kMalformedMessage;
  const std::uint64_t high = base::load_be32(raw.seqno.data());
  const std::uint64_t low = base::load_be32(raw.seqno.data() + 4);
  return MessageView{*from, high << 32 | low, raw.topic, raw.data.value_or(base::ConstBytes())};
}

base::Result<> verify_message(const RawMessage& raw, const multiformats::PeerId& from) {
  auto key = raw.key.empty() ? from.public_key() : multiformats::PublicKey::from_protobuf(raw.key);
  if (!key || !from.matches(*key)) return Error::kBadSignature;
  if (!key->verify(signed_bytes(raw), raw.signature)) return Error::kBadSignature;
  return {};
}

MessagePtr make_message(const RawMessage& raw, const MessageView& view, MessageId id) {
  base::Bytes body;
  body.reserve(raw.from.size() + view.data.size() + raw.topic.size() + raw.signature.size() + raw.key.size() + 32);
  append_signed_fields(body, raw);
  append_bytes_field(body, kSignature, raw.signature);
  if (!raw.key.empty()) append_bytes_field(body, kKey, raw.key);

  base::Bytes frame;
  frame.reserve(body.size() + 2 * multiformats::kUvarintBytesMax);
  multiformats::append_uvarint(frame, bytes_field_size(body.size()));
  append_bytes_field(frame, kRpcPublish, body);

  // The data follows `from` and its own tag and length.
  const std::size_t body_at = frame.size() - body.size();
  const std::size_t data_at = bytes_field_size(raw.from.size()) + bytes_field_size(view.data.size()) - view.data.size();
  auto message = std::make_shared<Message>();
  message->from = view.from;
  message->seqno = view.seqno;
  message->topic = std::string(view.topic);
  message->id = std::move(id);
  message->frame = std::make_shared<const base::Bytes>(std::move(frame));
  if (raw.data) message->data = base::ConstBytes(*message->frame).subspan(body_at + data_at, view.data.size());
  return message;
}

MessagePtr sign_message(const multiformats::PrivateKey& key, std::uint64_t seqno, std::string_view topic,
                        base::ConstBytes data, const MessageIdFunction& id) {
  const auto from = multiformats::PeerId::from_public_key(key.public_key());
  const auto seqno_field = seqno_bytes(seqno);
  RawMessage raw{
      .from = from.as_bytes(), .data = data, .seqno = seqno_field, .topic = topic, .signature = {}, .key = {}};
  const base::Bytes signature = key.sign(signed_bytes(raw));
  raw.signature = signature;
  const MessageView view{from, seqno, topic, data};
  return make_message(raw, view, id(view).substr(0, kMessageIdBytesMax));
}

}  // namespace libp2p::gossipsub
