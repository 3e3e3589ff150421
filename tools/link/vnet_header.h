// virtio_net_hdr, which the kernel puts before every packet of a TUN device with IFF_VNET_HDR. The kernel's own header
// of it does not compile as C++.
#pragma once

#include <cstdint>

namespace kvp2p::link {

/// In the host's byte order.
struct VnetHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t headers_bytes = 0;
  std::uint16_t gso_size = 0;  ///< payload of each packet to be cut
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(VnetHeader) == 10);

/// The checksum holds the sum over the pseudo header; the rest is to be added.
inline constexpr std::uint8_t kVnetNeedsChecksum = 1;
inline constexpr std::uint8_t kVnetGsoNone = 0, kVnetGsoTcp4 = 1, kVnetGsoTcp6 = 4, kVnetGsoEcn = 0x80;

}  // namespace kvp2p::link
