#include "tools/link/packet.h"

#include "tools/link/vnet_header.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace kvp2p::link {

namespace {

static_assert(sizeof(VnetHeader) == kVnetHeaderBytes);

constexpr std::size_t kIpv4BytesMin = 20, kIpv6Bytes = 40, kTcpBytesMin = 20;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kFlagFin = 0x01, kFlagPsh = 0x08, kFlagCwr = 0x80;

// Offsets in the headers.
constexpr std::size_t kIpv4Length = 2, kIpv4Id = 4, kIpv4Protocol = 9, kIpv4Checksum = 10;
constexpr std::size_t kIpv6Length = 4, kIpv6Next = 6;
constexpr std::size_t kTcpSequence = 4, kTcpDataOffset = 12, kTcpFlags = 13, kTcpChecksum = 16;

std::uint32_t read16(const std::uint8_t* at) { return std::uint32_t{at[0]} << 8 | at[1]; }
void write16(std::uint8_t* at, std::uint32_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}
std::uint32_t read32(const std::uint8_t* at) { return read16(at) << 16 | read16(at + 2); }
void write32(std::uint8_t* at, std::uint32_t value) {
  write16(at, value >> 16);
  write16(at + 2, value);
}

std::uint32_t fold(std::uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

void write_ipv4_checksum(std::uint8_t* ip, std::size_t ip_bytes) {
  write16(ip + kIpv4Checksum, 0);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < ip_bytes; i += 2) sum += read16(ip + i);
  write16(ip + kIpv4Checksum, ~fold(sum));
}

/// The IP header's length if this is IP with TCP right after it; nothing otherwise.
std::optional<std::size_t> ip_header_before_tcp(base::ConstBytes ip) {
  if (ip.empty()) return std::nullopt;
  const int version = ip[0] >> 4;
  if (version == 6) {
    if (ip.size() < kIpv6Bytes || ip[kIpv6Next] != kTcp) return std::nullopt;
    return kIpv6Bytes;
  }
  const std::size_t bytes = std::size_t{ip[0] & 0xfu} * 4;
  if (version != 4 || bytes < kIpv4BytesMin || ip.size() < bytes || ip[kIpv4Protocol] != kTcp) return std::nullopt;
  return bytes;
}

}  // namespace

std::optional<Packet> Packet::parse(base::ConstBytes bytes) {
  if (bytes.size() <= kVnetHeaderBytes || bytes.size() > kPacketBytesMax) return std::nullopt;
  VnetHeader vnet;
  std::memcpy(&vnet, bytes.data(), sizeof vnet);
  Packet packet;
  packet.bytes_ = bytes;
  const int type = vnet.gso_type & ~kVnetGsoEcn;
  if (type == kVnetGsoNone) return packet;
  if (type != kVnetGsoTcp4 && type != kVnetGsoTcp6) return std::nullopt;

  const base::ConstBytes ip = bytes.subspan(kVnetHeaderBytes);
  const auto ip_bytes = ip_header_before_tcp(ip);
  if (!ip_bytes || ip.size() < *ip_bytes + kTcpBytesMin || vnet.gso_size == 0) return std::nullopt;
  const std::size_t tcp_bytes = std::size_t{static_cast<std::uint8_t>(ip[*ip_bytes + kTcpDataOffset] >> 4)} * 4;
  if (tcp_bytes < kTcpBytesMin || ip.size() <= *ip_bytes + tcp_bytes) return std::nullopt;
  // The kernel's sum over the pseudo header is completed by whoever cuts. Without that flag there would be none to
  // copy.
  if ((vnet.flags & kVnetNeedsChecksum) == 0) return std::nullopt;
  packet.ip_bytes_ = *ip_bytes;
  packet.headers_bytes_ = kVnetHeaderBytes + *ip_bytes + tcp_bytes;
  packet.segment_payload_ = vnet.gso_size;
  const std::size_t payload = bytes.size() - packet.headers_bytes_;
  packet.segments_ = (payload + vnet.gso_size - 1) / vnet.gso_size;
  return packet;
}

std::size_t Packet::segment_bytes(std::size_t index) const {
  assert(index < segments_);
  if (segment_payload_ == 0) return bytes_.size() - kVnetHeaderBytes;
  const std::size_t payload = std::min(segment_payload_, bytes_.size() - payload_begin(index));
  return headers_bytes_ - kVnetHeaderBytes + payload;
}

std::vector<std::uint8_t> Packet::cut(std::size_t first, std::size_t count) const {
  assert(count > 0 && first + count <= segments_);
  if (count == segments_) return {bytes_.begin(), bytes_.end()};
  const std::size_t begin = payload_begin(first);
  const std::size_t end = std::min(payload_begin(first + count), bytes_.size());
  std::vector<std::uint8_t> out(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(headers_bytes_));
  out.insert(out.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin),
             bytes_.begin() + static_cast<std::ptrdiff_t>(end));

  std::uint8_t* const ip = out.data() + kVnetHeaderBytes;
  std::uint8_t* const tcp = ip + ip_bytes_;
  const auto ip_packet_bytes = static_cast<std::uint32_t>(out.size() - kVnetHeaderBytes);
  const auto old_tcp_bytes = static_cast<std::uint32_t>(bytes_.size() - kVnetHeaderBytes - ip_bytes_);
  const auto new_tcp_bytes = static_cast<std::uint32_t>(ip_packet_bytes - ip_bytes_);
  if (ip[0] >> 4 == 4) {
    write16(ip + kIpv4Length, ip_packet_bytes);
    write16(ip + kIpv4Id, read16(ip + kIpv4Id) + static_cast<std::uint32_t>(first));
    write_ipv4_checksum(ip, ip_bytes_);
  } else {
    write16(ip + kIpv6Length, static_cast<std::uint32_t>(ip_packet_bytes - kIpv6Bytes));
  }
  write32(tcp + kTcpSequence, read32(tcp + kTcpSequence) + static_cast<std::uint32_t>(first * segment_payload_));
  if (first + count < segments_) tcp[kTcpFlags] &= static_cast<std::uint8_t>(~(kFlagFin | kFlagPsh));
  if (first > 0) tcp[kTcpFlags] &= static_cast<std::uint8_t>(~kFlagCwr);
  // The length is a part of the pseudo header's sum (not complemented until the rest is added).
  const std::uint32_t sum = read16(tcp + kTcpChecksum) + (0xffff - fold(old_tcp_bytes)) + new_tcp_bytes;
  write16(tcp + kTcpChecksum, fold(sum));

  VnetHeader vnet;
  std::memcpy(&vnet, out.data(), sizeof vnet);
  if (end - begin <= segment_payload_) {
    vnet.gso_type = kVnetGsoNone;
    vnet.gso_size = 0;
  }
  std::memcpy(out.data(), &vnet, sizeof vnet);
  return out;
}

}  // namespace kvp2p::link
