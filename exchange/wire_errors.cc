#include "exchange/wire_errors.h"

#include "exchange/exchange_error.h"

namespace kvp2p {

wire::ErrorMessage error_message(wire::ErrorCode code, std::string reason) {
  return {static_cast<std::uint32_t>(code), std::move(reason)};
}

wire::ErrorCode wire_code_of(base::Error error) {
  if (error == ExchangeError::kLeaseUnknown) return wire::ErrorCode::kLeaseUnknown;
  if (error == ExchangeError::kShardNotHeld) return wire::ErrorCode::kShardNotHeld;
  if (error == ExchangeError::kNotAuthorised) return wire::ErrorCode::kNotAuthorised;
  if (error == ExchangeError::kBadRequest) return wire::ErrorCode::kBadRequest;
  if (error == ExchangeError::kTimeout) return wire::ErrorCode::kTimeout;
  return wire::ErrorCode::kInternal;
}

base::Error error_of(const wire::ErrorMessage& message) {
  switch (static_cast<wire::ErrorCode>(message.code)) {
    case wire::ErrorCode::kNotAuthorised:
      return ExchangeError::kNotAuthorised;
    case wire::ErrorCode::kBadRequest:
      return ExchangeError::kBadRequest;
    case wire::ErrorCode::kLeaseUnknown:
      return ExchangeError::kLeaseUnknown;
    case wire::ErrorCode::kShardNotHeld:
      return ExchangeError::kShardNotHeld;
    case wire::ErrorCode::kTimeout:
      return ExchangeError::kTimeout;
    case wire::ErrorCode::kUnsupported:
    case wire::ErrorCode::kCorrupt:
    case wire::ErrorCode::kInternal:
      return ExchangeError::kPeerFailed;
  }
  return ExchangeError::kPeerFailed;
}

}  // namespace kvp2p
