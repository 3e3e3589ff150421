#include "libp2p/core/network_id.h"

namespace libp2p {

using multiformats::AddrProtocol;

std::optional<NetworkId> network_of(const multiformats::Multiaddr& address, NetworkPrefix prefix) {
  for (const auto& part : address.components()) {
    if (part.protocol == AddrProtocol::kIp6Zone) continue;
    const bool is_ip6 = part.protocol == AddrProtocol::kIp6;
    if (!is_ip6 && part.protocol != AddrProtocol::kIp4) return std::nullopt;
    const unsigned bits_all = is_ip6 ? 64 : 32;
    const unsigned bits_kept = is_ip6 ? prefix.ip6_bits : prefix.ip4_bits;
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < bits_all / 8; ++i) bits = bits << 8 | part.value[i];
    const unsigned cleared = bits_all - bits_kept;
    return NetworkId{is_ip6, bits >> cleared << cleared};
  }
  return std::nullopt;
}

}  // namespace libp2p
