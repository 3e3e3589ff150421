// Why there is no direct path to a peer.
#pragma once

#include "base/result.h"

namespace kvp2p {

enum class DirectError {
  kNoListener = 1,
  kOtherUser,
  kRefused,
  kBrokenProtocol,
  kOwnerGone,
  kTimeout,
  kTooManyOwners,
  kNoDescriptors,
  kClosing,
  kForgotten,
  kTooManyCloses,
};

base::Error make_error_code(DirectError error);

}  // namespace kvp2p

template <>
struct boost::system::is_error_code_enum<kvp2p::DirectError> : std::true_type {};
