#include "direct/messages.h"

#include "direct/limits.h"
#include "wire/decoder.h"
#include "wire/encoder.h"

namespace kvp2p {

template <class V>
void describe(V& v, wire::Of<LayerBase> auto& m) {
  v.number(1, m.k, UINT64_MAX);
  v.number(2, m.v, UINT64_MAX);
}

}  // namespace kvp2p

namespace kvp2p::direct {

using wire::Of;
using wire::WireError;

// Not in an unnamed namespace: the coders find them by their argument's.

template <class V>
void describe(V& v, Of<Hello> auto& m) {
  v.number(1, m.version, UINT32_MAX);
  v.fixed(2, m.nonce);
}
template <class V>
void describe(V& v, Of<Refused> auto& m) {
  v.text(1, m.reason, kDirectReasonBytesMax);
}
template <class V>
void describe(V&, Of<Welcome> auto&) {}
template <class V>
void describe(V& v, Of<Region> auto& m) {
  v.number(1, m.id, UINT64_MAX);
  v.number(2, m.slots, kDirectSlotsMax);
  v.id(3, m.kind, ExportKind::kHostMemfd, ExportKind::kCudaVirtual);
  v.fixed(4, m.device);
  v.fixed(5, m.process);
  v.number(6, m.address, UINT64_MAX);
  v.number(7, m.offset, UINT64_MAX);
  v.number(8, m.bytes, UINT64_MAX);
  v.number(9, m.pieces, kExportPiecesMax);
  v.nested(10, m.format);
  v.list(11, m.layers, kLayersMax);
  v.number(12, m.block_stride, UINT64_MAX);
  v.number(13, m.token_stride, UINT64_MAX);
  v.number(14, m.head_stride, UINT64_MAX);
  v.number(15, m.engine_block_tokens, UINT32_MAX);
  v.number(16, m.engine_blocks, UINT32_MAX);
}
template <class V>
void describe(V& v, Of<Piece> auto& m) {
  v.fixed(1, m.handle);
  v.number(2, m.bytes, UINT64_MAX);
  v.boolean(3, m.has_descriptor);
}
template <class V>
void describe(V& v, Of<Pieces> auto& m) {
  v.list(1, m.pieces, kDirectPiecesPerMessage);
}
template <class V>
void describe(V&, Of<AllSent> auto&) {}
template <class V>
void describe(V& v, Of<Opened> auto& m) {
  v.number(1, m.region, UINT64_MAX);
}
template <class V>
void describe(V& v, Of<TakenBack> auto& m) {
  v.number(1, m.region, UINT64_MAX);
}
template <class V>
void describe(V& v, Of<Closed> auto& m) {
  v.number(1, m.region, UINT64_MAX);
  v.text(2, m.reason, kDirectReasonBytesMax);
}
template <class V>
void describe(V&, Of<Settled> auto&) {}

namespace {

constexpr std::size_t kMessages = std::variant_size_v<Message>;

using DecodeOne = base::Result<Message> (*)(wire::MsgpackReader& reader);

template <std::size_t I>
base::Result<Message> decode_one(wire::MsgpackReader& reader) {
  std::variant_alternative_t<I, Message> value;
  if (auto read = wire::Decoder::read_map(reader, value); !read) return read.error();
  return Message(std::move(value));
}

template <std::size_t... I>
constexpr std::array<DecodeOne, kMessages> decoders(std::index_sequence<I...>) {
  return {&decode_one<I>...};
}

bool is_consistent(const Message& message) {
  if (const auto* region = std::get_if<Region>(&message)) {
    return region->pieces > 0 && region->slots > 0 && !region->layers.empty() && region->format.is_valid();
  }
  if (const auto* pieces = std::get_if<Pieces>(&message)) return !pieces->pieces.empty();
  return true;
}

}  // namespace

bool Region::operator==(const Region& other) const { return encode(*this) == encode(other); }

base::Bytes encode(const Message& message) {
  base::Bytes bytes;
  wire::BytesBuffer buffer{bytes};
  wire::Packer packer(buffer);
  packer.pack_array(2);
  packer.pack_uint64(message.index() + 1);
  std::visit([&packer](const auto& body) { wire::Encoder::pack_map(packer, body); }, message);
  return bytes;
}

base::Result<Message> decode(base::ConstBytes bytes) {
  static constexpr auto kDecoders = decoders(std::make_index_sequence<kMessages>());
  if (bytes.size() > kDirectMessageBytesMax) return WireError::kOutOfBounds;
  wire::MsgpackReader reader(bytes);
  auto two = reader.read_array(2);
  if (!two) return two.error();
  if (*two != 2) return WireError::kWrongType;
  auto number = reader.read_uint();
  if (!number) return number.error();
  if (*number == 0 || *number > kMessages) return WireError::kUnknownMessage;
  auto message = kDecoders[*number - 1](reader);
  if (!message) return message.error();
  if (!reader.at_end()) return WireError::kTrailingBytes;
  if (!is_consistent(*message)) return WireError::kBadValue;
  return message;
}

Region describe_export(const RegionExport& exported, std::uint64_t id, std::uint32_t slots) {
  Region region;
  region.id = id;
  region.slots = slots;
  region.kind = exported.kind;
  region.device = exported.device;
  region.process = exported.process;
  region.address = exported.address;
  region.offset = exported.offset;
  region.bytes = exported.bytes;
  region.pieces = static_cast<std::uint32_t>(exported.pieces.size());
  const LayoutDesc& layout = exported.layout;
  region.format = layout.format;
  region.layers = layout.layers;
  region.block_stride = layout.block_stride;
  region.token_stride = layout.token_stride;
  region.head_stride = layout.head_stride;
  region.engine_block_tokens = layout.engine_block_tokens;
  region.engine_blocks = layout.engine_blocks;
  return region;
}

RegionExport export_of(const Region& region) {
  RegionExport exported;
  exported.kind = region.kind;
  exported.device = region.device;
  exported.process = region.process;
  exported.address = region.address;
  exported.offset = region.offset;
  exported.bytes = region.bytes;
  exported.layout = LayoutDesc{region.format,       region.layers,      region.block_stride,
                               region.token_stride, region.head_stride, region.engine_block_tokens,
                               region.engine_blocks};
  return exported;
}

}  // namespace kvp2p::direct
