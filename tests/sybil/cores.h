// Which core a thread runs on: hostile peers are other machines, so they must not take a node's own core from it.
#pragma once

#include <cstddef>
#include <vector>

namespace kvp2p::sybil {

/// Those that this thread may run on.
std::vector<std::size_t> usable_cores();
/// From now on this thread, and those that it starts, run on `core` alone. False, and it stays as it is, where the
/// system does not allow it.
bool pin_thread(std::size_t core);

}  // namespace kvp2p::sybil
