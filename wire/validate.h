// What must hold between the fields of a decoded message, beyond each one's own bounds.
#pragma once

#include "wire/messages.h"

namespace kvp2p::wire {

/// False: the message contradicts itself. What depends on the receiver's state (leases, what was asked) is its own to
/// check.
bool is_consistent(const Body& body);

}  // namespace kvp2p::wire
