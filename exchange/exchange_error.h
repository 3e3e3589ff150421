// What can go wrong between two nodes that speak the KV protocol.
#pragma once

#include "base/result.h"

namespace kvp2p {

enum class ExchangeError {
  kNotConnected = 1,
  kNotAuthorised,
  kTimeout,
  kBusy,
  kTooManyRequests,
  kLeaseUnknown,
  kBlockGone,
  kShardNotHeld,
  kProtocolBroken,
  kPeerGone,
  kPeerFailed,
  kBadRequest,
  kSliceTooLarge,
  kCancelled,
  kClosing,
  kOtherVersion,
  kRightsChanged,
};

base::Error make_error_code(ExchangeError error);

}  // namespace kvp2p

template <>
struct boost::system::is_error_code_enum<kvp2p::ExchangeError> : std::true_type {};
