// What can be wrong with a message.
#pragma once

#include "base/result.h"

namespace kvp2p::wire {

enum class WireError {
  kTruncated = 1,
  kTrailingBytes,
  kWrongType,
  kOutOfBounds,
  kFieldOrder,
  kMissingField,
  kBadValue,
  kTooDeep,
  kUnknownMessage,
};

base::Error make_error_code(WireError error);

}  // namespace kvp2p::wire

template <>
struct boost::system::is_error_code_enum<kvp2p::wire::WireError> : std::true_type {};
