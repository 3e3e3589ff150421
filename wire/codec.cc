#include "wire/codec.h"

#include "multiformats/varint.h"
#include "wire/decoder.h"
#include "wire/encoder.h"
#include "wire/validate.h"

namespace kvp2p::wire {

namespace {

constexpr std::size_t kBodies = std::variant_size_v<Body>;

constexpr std::array<std::string_view, kBodies> kNames = {
    "hello",         "hello_proof",  "hello_result", "lookup",      "lookup_answer", "get",
    "credit",        "gone",         "get_end",      "cancel",      "busy",          "error",
    "put",           "put_answer",   "put_end",      "announce",    "ping",          "pong",
    "stats",         "stats_answer", "release",      "stream_open", "frame",         "direct_open",
    "direct_ticket", "streams",      "lost",         "counts",      "counts_answer",
};

using DecodeOne = base::Result<Body> (*)(MsgpackReader& reader);

template <std::size_t I>
base::Result<Body> decode_one(MsgpackReader& reader) {
  std::variant_alternative_t<I, Body> value;
  auto read = Decoder::read_map(reader, value);
  if (!read) return read.error();
  return Body(std::move(value));
}

template <std::size_t... I>
constexpr std::array<DecodeOne, kBodies> decoders(std::index_sequence<I...>) {
  return {&decode_one<I>...};
}

}  // namespace

base::Bytes encode(const Message& message) {
  base::Bytes bytes;
  BytesBuffer buffer{bytes};
  Packer packer(buffer);
  packer.pack_array(3);
  packer.pack_uint64(message.body.index() + 1);
  packer.pack_uint64(message.id);
  std::visit([&packer](const auto& body) { Encoder::pack_map(packer, body); }, message.body);
  return bytes;
}

base::Bytes encode_framed(const Message& message) {
  const base::Bytes body = encode(message);
  base::Bytes framed;
  framed.reserve(body.size() + multiformats::kUvarintBytesMax);
  multiformats::append_uvarint(framed, body.size());
  base::append(framed, body);
  return framed;
}

base::Result<Envelope> decode_envelope(base::ConstBytes bytes) {
  MsgpackReader reader(bytes);
  auto three = reader.read_array(3);
  if (!three) return three.error();
  if (*three != 3) return WireError::kWrongType;
  auto number = reader.read_uint();
  if (!number) return number.error();
  auto id = reader.read_uint();
  if (!id) return id.error();
  return Envelope{*number, *id, reader.rest()};
}

base::Result<Body> decode_body(const Envelope& envelope) {
  static constexpr auto kDecoders = decoders(std::make_index_sequence<kBodies>());
  if (envelope.number == 0 || envelope.number > kBodies) return WireError::kUnknownMessage;
  MsgpackReader reader(envelope.fields);
  auto body = kDecoders[envelope.number - 1](reader);
  if (!body) return body.error();
  if (!reader.at_end()) return WireError::kTrailingBytes;
  if (!is_consistent(*body)) return WireError::kBadValue;
  return body;
}

base::Result<Message> decode(base::ConstBytes bytes) {
  auto envelope = decode_envelope(bytes);
  if (!envelope) return envelope.error();
  auto body = decode_body(*envelope);
  if (!body) return body.error();
  return Message{envelope->id, std::move(*body)};
}

std::string_view name_of(const Body& body) { return kNames[body.index()]; }

}  // namespace kvp2p::wire
