// What this machine is, for the head of the table.
#pragma once

#include <string>

namespace kvp2p::demo {

/// "AMD EPYC, 2 cores, 24 GiB".
std::string hardware_description();

}  // namespace kvp2p::demo
