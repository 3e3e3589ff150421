// Two ends of one loopback TCP connection.
#pragma once

#include "base/unique_fd.h"

#include <optional>

namespace kvp2p::bench {

struct TcpPair {
  base::UniqueFd sender;
  base::UniqueFd receiver;
};

/// Nothing where the system refuses.
std::optional<TcpPair> connect_tcp_pair();

}  // namespace kvp2p::bench
