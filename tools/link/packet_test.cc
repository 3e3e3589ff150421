#include "tools/link/packet.h"

#include "tools/link/vnet_header.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

namespace kvp2p::link {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kIp = kVnetHeaderBytes;
constexpr std::uint8_t kFin = 1, kPsh = 8, kAck = 16, kCwr = 128;

std::uint32_t read16(const Bytes& bytes, std::size_t at) { return std::uint32_t{bytes[at]} << 8 | bytes[at + 1]; }
std::uint32_t read32(const Bytes& bytes, std::size_t at) { return read16(bytes, at) << 16 | read16(bytes, at + 2); }
void put16(Bytes& bytes, std::size_t at, std::size_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

std::uint32_t sum16(const Bytes& bytes, std::size_t from, std::size_t count, std::uint32_t sum = 0) {
  for (std::size_t i = from; i < from + count; i += 2) sum += read16(bytes, i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

/// The sum over the pseudo header that the kernel leaves in an uncut packet's TCP header.
std::uint32_t pseudo_sum(const Bytes& bytes, std::size_t ip_bytes) {
  const std::uint32_t start = 6 + static_cast<std::uint32_t>(bytes.size() - kIp - ip_bytes);
  return ip_bytes == 20 ? sum16(bytes, kIp + 12, 8, start) : sum16(bytes, kIp + 8, 32, start);
}

/// As the kernel hands it over: TCP of `payload` bytes (0, 1, 2 …), to be cut into pieces of `piece`.
Bytes tcp_packet(std::size_t payload, std::uint16_t piece, int version = 4) {
  const std::size_t ip_bytes = version == 4 ? 20 : 40;
  const std::size_t tcp = kIp + ip_bytes;
  Bytes bytes(tcp + 32 + payload);
  VnetHeader vnet;
  vnet.flags = kVnetNeedsChecksum;
  vnet.gso_type = version == 4 ? kVnetGsoTcp4 : kVnetGsoTcp6;
  vnet.gso_size = piece;
  vnet.checksum_start = static_cast<std::uint16_t>(ip_bytes);
  vnet.checksum_offset = 16;
  std::memcpy(bytes.data(), &vnet, sizeof vnet);
  bytes[kIp] = static_cast<std::uint8_t>(version == 4 ? 0x45 : 0x60);
  if (version == 4) {
    put16(bytes, kIp + 2, bytes.size() - kIp);
    put16(bytes, kIp + 4, 0xfffe);
    bytes[kIp + 9] = 6;
    for (std::size_t i = 12; i < 20; ++i) bytes[kIp + i] = static_cast<std::uint8_t>(10 * i);
    put16(bytes, kIp + 10, 0xffff ^ sum16(bytes, kIp, 20));
  } else {
    put16(bytes, kIp + 4, bytes.size() - kIp - 40);
    bytes[kIp + 6] = 6;
    for (std::size_t i = 8; i < 40; ++i) bytes[kIp + i] = static_cast<std::uint8_t>(7 * i);
  }
  put16(bytes, tcp + 4, 0xffff);
  put16(bytes, tcp + 6, 0xff00);
  bytes[tcp + 12] = 0x80;
  bytes[tcp + 13] = kFin | kPsh | kAck | kCwr;
  put16(bytes, tcp + 16, pseudo_sum(bytes, ip_bytes));
  std::iota(bytes.begin() + static_cast<std::ptrdiff_t>(tcp) + 32, bytes.end(), std::uint8_t{0});
  return bytes;
}

TEST(Packet, UncutTcpIsAsManyPacketsAsTheWireWouldCarry) {
  const Bytes bytes = tcp_packet(3000, 1448);
  const auto packet = Packet::parse(bytes);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->segments(), 3u);
  EXPECT_EQ(packet->segment_bytes(0), 1500u);
  EXPECT_EQ(packet->segment_bytes(1), 1500u);
  EXPECT_EQ(packet->segment_bytes(2), 104u + 52u);
  EXPECT_EQ(packet->cut(0, 3), bytes);
}

TEST(Packet, WhatIsCutOutIsValid) {
  for (int version : {4, 6}) {
    const std::size_t ip_bytes = version == 4 ? 20 : 40;
    const std::size_t tcp = kIp + ip_bytes;
    const Bytes bytes = tcp_packet(5000, 1000, version);
    const auto packet = Packet::parse(bytes);
    ASSERT_TRUE(packet);
    const Bytes cut = packet->cut(2, 2);
    ASSERT_EQ(cut.size(), tcp + 32 + 2000);
    EXPECT_EQ(read32(cut, tcp + 4), 0xffffff00u + 2000u);
    EXPECT_EQ(cut[tcp + 13], kAck);
    EXPECT_EQ(read16(cut, tcp + 16), pseudo_sum(cut, ip_bytes));
    EXPECT_TRUE(std::equal(cut.begin() + static_cast<std::ptrdiff_t>(tcp) + 32, cut.end(),
                           bytes.begin() + static_cast<std::ptrdiff_t>(tcp) + 32 + 2000));
    if (version == 4) {
      EXPECT_EQ(read16(cut, kIp + 2), cut.size() - kIp);
      EXPECT_EQ(read16(cut, kIp + 4), 0u);
      EXPECT_EQ(sum16(cut, kIp, 20), 0xffffu);
    } else {
      EXPECT_EQ(read16(cut, kIp + 4), cut.size() - kIp - 40);
    }
    const auto again = Packet::parse(cut);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->segments(), 2u);
  }
}

TEST(Packet, TheEndsKeepTheirFlags) {
  const Bytes bytes = tcp_packet(3000, 1000);
  const auto packet = Packet::parse(bytes);
  EXPECT_EQ(packet->cut(0, 1)[kIp + 20 + 13], kAck | kCwr);
  EXPECT_EQ(packet->cut(2, 1)[kIp + 20 + 13], kAck | kPsh | kFin);
}

TEST(Packet, OnePieceIsNotCutFurther) {
  const Bytes bytes = tcp_packet(2500, 1000);
  const auto packet = Packet::parse(bytes);
  for (std::size_t i = 0; i < 3; ++i) {
    VnetHeader vnet;
    const Bytes cut = packet->cut(i, 1);
    std::memcpy(&vnet, cut.data(), sizeof vnet);
    EXPECT_EQ(vnet.gso_type, kVnetGsoNone);
    EXPECT_EQ(vnet.gso_size, 0);
    EXPECT_EQ(cut.size() - kIp, packet->segment_bytes(i));
  }
}

TEST(Packet, AnythingUncutIsOnePacket) {
  const Bytes bytes(kVnetHeaderBytes + 84, 0);
  const auto packet = Packet::parse(bytes);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->segments(), 1u);
  EXPECT_EQ(packet->segment_bytes(0), 84u);
  EXPECT_EQ(packet->cut(0, 1), bytes);
}

TEST(Packet, BadOnesAreRefused) {
  EXPECT_FALSE(Packet::parse({}));
  EXPECT_FALSE(Packet::parse(Bytes(kVnetHeaderBytes)));
  EXPECT_FALSE(Packet::parse(Bytes(kPacketBytesMax + 1)));
  const Bytes good = tcp_packet(3000, 1448);
  const auto with = [&](std::size_t at, std::uint8_t value) {
    Bytes bad = good;
    bad[at] = value;
    return Packet::parse(bad).has_value();
  };
  EXPECT_FALSE(with(0, 0));                 // nobody completes the checksum
  EXPECT_FALSE(with(1, 3));                 // UDP fragments
  EXPECT_FALSE(with(kIp, 0x44));            // an IP header that is too short
  EXPECT_FALSE(with(kIp, 0x55));            // no IP version
  EXPECT_FALSE(with(kIp + 9, 17));          // not TCP
  EXPECT_FALSE(with(kIp + 20 + 12, 0x40));  // a TCP header that is too short
  Bytes no_piece = good;
  no_piece[4] = no_piece[5] = 0;
  EXPECT_FALSE(Packet::parse(no_piece));
  for (std::size_t size = kVnetHeaderBytes + 1; size <= kIp + 52; ++size) {
    EXPECT_FALSE(Packet::parse({good.data(), size})) << size;
  }
}

}  // namespace
}  // namespace kvp2p::link
