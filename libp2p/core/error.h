// What can go wrong in libp2p.
#pragma once

#include "base/result.h"

namespace libp2p {

enum class Error {
  kUnexpectedEof = 1,
  kReset,
  kConnectionClosed,
  kTimeout,
  kMessageTooLong,
  kMalformedMessage,
  kProtocolNotSupported,
  kHandshakeFailed,
  kPeerIdMismatch,
  kBadSignature,
  kProtocolViolation,
  kTooManyStreams,
  kTooManyConnections,
  kUnsupportedAddress,
  kNotConnected,
  kRefused,
  kClosing,
  kDialToSelf,
  kDialBackoff,
  kNameNotFound,
  kNameLookupFailed,
  kDenied,
  kBadAddressRange,
  kNotInPrivateNetwork,
  kBadNetworkKey,
  kNetworkKeyUnreadable,
  kNetworkKeyExposed,
};

base::Error make_error_code(Error error);

}  // namespace libp2p

template <>
struct boost::system::is_error_code_enum<libp2p::Error> : std::true_type {};
