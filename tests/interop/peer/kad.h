// The peer's Kademlia.
#pragma once

#include "libp2p/protocols/kad/kademlia.h"

#include <memory>
#include <string>

namespace interop {

struct KadOptions {
  std::string protocol;  ///< empty: without
  bool is_client = false;
};

/// Takes any value under /v/….
std::unique_ptr<libp2p::kad::Kademlia> make_kad(const base::Executor& executor, base::Clock& clock, libp2p::Host& host,
                                                const KadOptions& options);

}  // namespace interop
