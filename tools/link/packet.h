// One read of a TUN device with offload: up to 64 KiB of TCP with one header, which stands for many packets of the MTU.
#pragma once

#include "base/bytes.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace kvp2p::link {

/// virtio_net_hdr, which the kernel puts before every packet (IFF_VNET_HDR).
inline constexpr std::size_t kVnetHeaderBytes = 10;
/// The longest packet of IP, with its header before it.
inline constexpr std::size_t kPacketBytesMax = kVnetHeaderBytes + 65'535;

/// The kernel leaves cutting TCP into packets to the device ("segmentation offload"), and takes back the same uncut.
/// What is lost on the way is lost packet by packet, so the link must be able to take out any of them.
///
/// A view: `bytes` outlives it.
class Packet {
 public:
  /// A vnet header and IPv4 or IPv6 in it. Nothing if it is too short or contradicts itself. What is not cut later
  /// (gso_type none, UDP, fragments) is one segment.
  static std::optional<Packet> parse(base::ConstBytes bytes);

  /// Packets that it would be on a wire, at least 1.
  std::size_t segments() const { return segments_; }
  /// Bytes of one of them, IP header and all.
  std::size_t segment_bytes(std::size_t index) const;
  /// Those from `first` on, `count` of them, as one read that the kernel takes. REQUIRES: there are as many.
  std::vector<std::uint8_t> cut(std::size_t first, std::size_t count) const;

 private:
  std::size_t payload_begin(std::size_t index) const { return headers_bytes_ + index * segment_payload_; }

  base::ConstBytes bytes_;           // with the vnet header
  std::size_t ip_bytes_ = 0;         // of the IP header
  std::size_t headers_bytes_ = 0;    // vnet, IP and TCP
  std::size_t segment_payload_ = 0;  // 0: one segment
  std::size_t segments_ = 1;
};

}  // namespace kvp2p::link
