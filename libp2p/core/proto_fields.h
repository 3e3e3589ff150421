// Protocol buffers' wire format, for messages that are read in place: reads fields without copying them, and appends
// fields. Pure.
#pragma once

#include "base/bytes.h"

#include <cstdint>

namespace libp2p {

struct ProtoField {
  std::uint32_t number = 0;
  bool is_bytes = false;
  std::uint64_t varint = 0;  ///< of a field that is one; 0 for fixed-size fields, which are skipped over
  base::ConstBytes bytes;    ///< of a field that is length-delimited
};

/// Steps through the fields of one message. What it yields points into the bytes given.
class ProtoReader {
 public:
  enum class Step { kField, kEnd, kMalformed };

  explicit ProtoReader(base::ConstBytes bytes) : left_(bytes) {}
  /// After kMalformed the reader is not used any more. Groups are malformed.
  Step next(ProtoField& field);

 private:
  bool read_varint(std::uint64_t& value);

  base::ConstBytes left_;
};

void append_bytes_field(base::Bytes& to, std::uint32_t number, base::ConstBytes bytes);
void append_varint_field(base::Bytes& to, std::uint32_t number, std::uint64_t value);
/// What append_bytes_field() appends for so many bytes. REQUIRES: number < 16.
std::size_t bytes_field_size(std::size_t bytes);

}  // namespace libp2p
