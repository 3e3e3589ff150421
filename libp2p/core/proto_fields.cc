#include "libp2p/core/proto_fields.h"

#include "multiformats/varint.h"

namespace libp2p {

namespace {

enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };
constexpr std::size_t kVarintBytesMax = 10;

}  // namespace

bool ProtoReader::read_varint(std::uint64_t& value) {
  value = 0;
  for (std::size_t i = 0; i < kVarintBytesMax && i < left_.size(); ++i) {
    value |= static_cast<std::uint64_t>(left_[i] & 0x7f) << (7 * i);
    if (left_[i] & 0x80) continue;
    left_ = left_.subspan(i + 1);
    return true;
  }
  return false;
}

ProtoReader::Step ProtoReader::next(ProtoField& field) {
  if (left_.empty()) return Step::kEnd;
  std::uint64_t tag = 0;
  if (!read_varint(tag) || tag >> 3 == 0 || tag >> 32 != 0) return Step::kMalformed;
  field = ProtoField{.number = static_cast<std::uint32_t>(tag >> 3), .bytes = {}};
  std::uint64_t skipped = 0;
  switch (tag & 7) {
    case kVarint:
      return read_varint(field.varint) ? Step::kField : Step::kMalformed;
    case kLengthDelimited: {
      std::uint64_t size = 0;
      if (!read_varint(size) || size > left_.size()) return Step::kMalformed;
      field.is_bytes = true;
      field.bytes = left_.first(size);
      skipped = size;
      break;
    }
    case kFixed64:
      skipped = 8;
      break;
    case kFixed32:
      skipped = 4;
      break;
    default:
      return Step::kMalformed;
  }
  if (skipped > left_.size()) return Step::kMalformed;
  left_ = left_.subspan(skipped);
  return Step::kField;
}

void append_bytes_field(base::Bytes& to, std::uint32_t number, base::ConstBytes bytes) {
  multiformats::append_uvarint(to, number << 3 | kLengthDelimited);
  multiformats::append_uvarint(to, bytes.size());
  base::append(to, bytes);
}

void append_varint_field(base::Bytes& to, std::uint32_t number, std::uint64_t value) {
  multiformats::append_uvarint(to, number << 3 | kVarint);
  multiformats::append_uvarint(to, value);
}

std::size_t bytes_field_size(std::size_t bytes) { return 1 + multiformats::uvarint_size(bytes) + bytes; }

}  // namespace libp2p
