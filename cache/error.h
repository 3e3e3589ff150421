// What can go wrong in the core calls.
#pragma once

#include "base/result.h"

namespace kvp2p {

enum class KvError {
  kUnknownId = 1,
  kBadRequest,
  kMatchPending,
  kMatchExpired,
  kNotMatched,
  kUnknownModel,
  kFormatMismatch,
  kSlotOutOfRange,
  kBadLayerOrder,
  kDeadline,
  kDropped,
  kNotRevoked,
  kTooMany,
  kStopping,
};

base::Error make_error_code(KvError error);

}  // namespace kvp2p

template <>
struct boost::system::is_error_code_enum<kvp2p::KvError> : std::true_type {};
