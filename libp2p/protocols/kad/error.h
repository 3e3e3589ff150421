// What can go wrong in Kademlia, besides what libp2p::Error names.
#pragma once

#include "base/result.h"

namespace libp2p::kad {

enum class Errc {
  kClosed = 1,
  kBadConfig,
  kBadKey,
  kValueTooLong,
  kNoValidator,
  kInvalidValue,
  kTooManyQueries,
  kTooManyKept,
  kNoPeers,
  kNotFound,
  kNotStored,
};

base::Error make_error_code(Errc error);

}  // namespace libp2p::kad

template <>
struct boost::system::is_error_code_enum<libp2p::kad::Errc> : std::true_type {};
