// What can go wrong with relays, besides what libp2p::Error names.
#pragma once

#include "base/result.h"

namespace libp2p::relay {

enum class Errc {
  kReservationRefused = 1,
  kResourceLimitExceeded,
  kPermissionDenied,
  kConnectionFailed,
  kNoReservation,
  kMessageRefused,
  kUnknownStatus,
  kRelayIsRelayed,
  kBadReservation,
  kBadLimits,
};

base::Error make_error_code(Errc error);

}  // namespace libp2p::relay

template <>
struct boost::system::is_error_code_enum<libp2p::relay::Errc> : std::true_type {};
