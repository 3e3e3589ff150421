// Errors between nodes: what is sent, and what is made of what was sent.
#pragma once

#include "base/result.h"
#include "wire/messages.h"

#include <string>

namespace kvp2p {

wire::ErrorMessage error_message(wire::ErrorCode code, std::string reason);
/// What to send of a local failure.
wire::ErrorCode wire_code_of(base::Error error);
/// ExchangeError::kPeerFailed for codes that this version does not know.
base::Error error_of(const wire::ErrorMessage& message);

}  // namespace kvp2p
