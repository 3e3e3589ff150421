// Reads msgpack values one after the other out of somebody else's bytes, within bounds, allocating nothing.
//
// Instead of msgpack's own unpacker: that builds a tree of objects first, and a few bytes of a hostile array header
// make it allocate the whole array.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <string_view>

namespace kvp2p::wire {

/// After an error the reader is somewhere inside a value: stop. Views returned live as long as the bytes read from.
class MsgpackReader {
 public:
  explicit MsgpackReader(base::ConstBytes bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  base::ConstBytes rest() const { return rest_; }

  /// A non-negative integer in any of its encodings, at most `max`.
  base::Result<std::uint64_t> read_uint(std::uint64_t max = UINT64_MAX);
  base::Result<bool> read_bool();
  base::Result<std::string_view> read_text(std::size_t bytes_max);
  base::Result<base::ConstBytes> read_binary(std::size_t bytes_max);
  /// The number of items that follow.
  base::Result<std::size_t> read_array(std::size_t items_max);
  /// The number of key-value pairs that follow.
  base::Result<std::size_t> read_map(std::size_t pairs_max);
  /// Passes over one value of any type, nested at most kSkipDepthMax deep with at most kSkipItemsMax items in all.
  base::Result<> skip();

 private:
  base::Result<std::uint8_t> read_byte();
  base::Result<std::uint64_t> read_big_endian(std::size_t bytes);
  base::Result<base::ConstBytes> take(std::size_t bytes);
  /// Bytes of the value that follow its type byte (and its length, which is read).
  base::Result<std::size_t> skip_scalar(std::uint8_t type);

  base::ConstBytes rest_;
};

}  // namespace kvp2p::wire
