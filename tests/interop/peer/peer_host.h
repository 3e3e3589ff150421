// The host that the peer runs: our stack, with the muxer agreed on as a case wants it.
#pragma once

#include "libp2p/host/host.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace interop {

std::unique_ptr<libp2p::Host> make_host(const base::Executor& executor, base::Clock& clock,
                                        const multiformats::PrivateKey& key, bool muxer_in_handshake,
                                        std::vector<std::string> securities,
                                        std::optional<libp2p::pnet::PreSharedKey> network_key);

}  // namespace interop
