// One message of each kind: for tests, the examples of docs/protocol.md and the fuzzer's first corpus.
#pragma once

#include "wire/messages.h"

#include <vector>

namespace kvp2p::wire {

/// In the order of their numbers.
std::vector<Message> example_messages();

}  // namespace kvp2p::wire
