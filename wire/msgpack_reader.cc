#include "wire/msgpack_reader.h"

#include "wire/limits.h"
#include "wire/wire_error.h"

namespace kvp2p::wire {

namespace {

// Type bytes, https://github.com/msgpack/msgpack/blob/master/spec.md
constexpr std::uint8_t kNil = 0xc0, kFalse = 0xc2, kTrue = 0xc3;
constexpr std::uint8_t kBin8 = 0xc4, kBin32 = 0xc6;
constexpr std::uint8_t kExt8 = 0xc7, kExt32 = 0xc9;
constexpr std::uint8_t kFloat32 = 0xca, kFloat64 = 0xcb;
constexpr std::uint8_t kUint8 = 0xcc, kUint64 = 0xcf, kInt8 = 0xd0, kInt64 = 0xd3;
constexpr std::uint8_t kFixExt1 = 0xd4, kFixExt16 = 0xd8;
constexpr std::uint8_t kStr8 = 0xd9, kStr32 = 0xdb;
constexpr std::uint8_t kArray16 = 0xdc, kArray32 = 0xdd, kMap16 = 0xde, kMap32 = 0xdf;
constexpr std::uint8_t kNegativeFixint = 0xe0;

bool between(std::uint8_t type, std::uint8_t first, std::uint8_t last) { return type >= first && type <= last; }
bool is_fixmap(std::uint8_t type) { return between(type, 0x80, 0x8f); }
bool is_fixarray(std::uint8_t type) { return between(type, 0x90, 0x9f); }
bool is_fixstr(std::uint8_t type) { return between(type, 0xa0, 0xbf); }

}  // namespace

base::Result<base::ConstBytes> MsgpackReader::take(std::size_t bytes) {
  if (rest_.size() < bytes) return WireError::kTruncated;
  auto taken = rest_.first(bytes);
  rest_ = rest_.subspan(bytes);
  return taken;
}

base::Result<std::uint8_t> MsgpackReader::read_byte() {
  auto byte = take(1);
  if (!byte) return byte.error();
  return (*byte)[0];
}

base::Result<std::uint64_t> MsgpackReader::read_big_endian(std::size_t bytes) {
  auto taken = take(bytes);
  if (!taken) return taken.error();
  std::uint64_t value = 0;
  for (std::uint8_t byte : *taken) value = value << 8 | byte;
  return value;
}

base::Result<std::uint64_t> MsgpackReader::read_uint(std::uint64_t max) {
  auto type = read_byte();
  if (!type) return type.error();
  base::Result<std::uint64_t> value = std::uint64_t{*type};
  if (between(*type, kUint8, kUint64)) {
    value = read_big_endian(std::size_t{1} << (*type - kUint8));
  } else if (between(*type, kInt8, kInt64)) {
    const std::size_t bytes = std::size_t{1} << (*type - kInt8);
    value = read_big_endian(bytes);
    if (value && *value >> (8 * bytes - 1) != 0) return WireError::kOutOfBounds;  // negative
  } else if (*type > 0x7f) {
    return WireError::kWrongType;
  }
  if (value && *value > max) return WireError::kOutOfBounds;
  return value;
}

base::Result<bool> MsgpackReader::read_bool() {
  auto type = read_byte();
  if (!type) return {boost::system::in_place_error, type.error()};
  if (*type != kFalse && *type != kTrue) return WireError::kWrongType;
  return *type == kTrue;
}

base::Result<std::string_view> MsgpackReader::read_text(std::size_t bytes_max) {
  auto type = read_byte();
  if (!type) return type.error();
  base::Result<std::uint64_t> size = std::uint64_t{*type} & 0x1f;
  if (between(*type, kStr8, kStr32)) {
    size = read_big_endian(std::size_t{1} << (*type - kStr8));
  } else if (!is_fixstr(*type)) {
    return WireError::kWrongType;
  }
  if (!size) return size.error();
  if (*size > bytes_max) return WireError::kOutOfBounds;
  auto bytes = take(*size);
  if (!bytes) return bytes.error();
  return base::as_text(*bytes);
}

base::Result<base::ConstBytes> MsgpackReader::read_binary(std::size_t bytes_max) {
  auto type = read_byte();
  if (!type) return type.error();
  if (!between(*type, kBin8, kBin32)) return WireError::kWrongType;
  auto size = read_big_endian(std::size_t{1} << (*type - kBin8));
  if (!size) return size.error();
  if (*size > bytes_max) return WireError::kOutOfBounds;
  return take(*size);
}

base::Result<std::size_t> MsgpackReader::read_array(std::size_t items_max) {
  auto type = read_byte();
  if (!type) return type.error();
  base::Result<std::uint64_t> items = std::uint64_t{*type} & 0x0f;
  if (between(*type, kArray16, kArray32)) {
    items = read_big_endian(std::size_t{2} << (*type - kArray16));
  } else if (!is_fixarray(*type)) {
    return WireError::kWrongType;
  }
  if (!items) return items.error();
  if (*items > items_max) return WireError::kOutOfBounds;
  return std::size_t{*items};
}

base::Result<std::size_t> MsgpackReader::read_map(std::size_t pairs_max) {
  auto type = read_byte();
  if (!type) return type.error();
  base::Result<std::uint64_t> pairs = std::uint64_t{*type} & 0x0f;
  if (between(*type, kMap16, kMap32)) {
    pairs = read_big_endian(std::size_t{2} << (*type - kMap16));
  } else if (!is_fixmap(*type)) {
    return WireError::kWrongType;
  }
  if (!pairs) return pairs.error();
  if (*pairs > pairs_max) return WireError::kOutOfBounds;
  return std::size_t{*pairs};
}

base::Result<std::size_t> MsgpackReader::skip_scalar(std::uint8_t type) {
  if (type <= 0x7f || type >= kNegativeFixint || type == kNil || type == kFalse || type == kTrue) return std::size_t{0};
  if (is_fixstr(type)) return std::size_t{type} & 0x1f;
  if (type == kFloat32) return std::size_t{4};
  if (type == kFloat64) return std::size_t{8};
  if (between(type, kUint8, kUint64)) return std::size_t{1} << (type - kUint8);
  if (between(type, kInt8, kInt64)) return std::size_t{1} << (type - kInt8);
  if (between(type, kFixExt1, kFixExt16)) return (std::size_t{1} << (type - kFixExt1)) + 1;
  std::size_t size_bytes = 0;
  std::size_t more = 0;
  if (between(type, kBin8, kBin32)) size_bytes = std::size_t{1} << (type - kBin8);
  if (between(type, kStr8, kStr32)) size_bytes = std::size_t{1} << (type - kStr8);
  if (between(type, kExt8, kExt32)) {
    size_bytes = std::size_t{1} << (type - kExt8);
    more = 1;
  }
  if (size_bytes == 0) return WireError::kWrongType;  // 0xc1 is never used
  auto size = read_big_endian(size_bytes);
  if (!size) return size.error();
  return *size + more;
}

base::Result<> MsgpackReader::skip() {
  // Items still to come at each depth; a stack of fixed size instead of recursion.
  std::size_t open[kSkipDepthMax + 1] = {1};
  std::size_t depth = 0;
  std::size_t items = 0;
  for (;;) {
    while (open[depth] == 0) {
      if (depth == 0) return {};
      --depth;
    }
    --open[depth];
    if (++items > kSkipItemsMax) return WireError::kOutOfBounds;
    if (rest_.empty()) return WireError::kTruncated;
    const std::uint8_t type = rest_[0];
    std::size_t inner = 0;
    if (is_fixarray(type) || type == kArray16 || type == kArray32) {
      auto count = read_array(kSkipItemsMax);
      if (!count) return count.error();
      inner = *count;
    } else if (is_fixmap(type) || type == kMap16 || type == kMap32) {
      auto count = read_map(kSkipItemsMax);
      if (!count) return count.error();
      inner = *count * 2;
    } else {
      rest_ = rest_.subspan(1);
      auto size = skip_scalar(type);
      if (!size) return size.error();
      auto taken = take(*size);
      if (!taken) return taken.error();
      continue;
    }
    if (inner == 0) continue;
    if (depth == kSkipDepthMax) return WireError::kTooDeep;
    open[++depth] = inner;
  }
}

}  // namespace kvp2p::wire
