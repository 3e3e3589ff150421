#include "provider/peer_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kPeer = "12D3KooWM5UFnF5u4P2u6iYLPy3w5wi9BUNcmp6KNYHp9atfmX8c";

TEST(PeerListTest, IsOneMultiaddrALine) {
  const auto peers = parse_peer_list("# our rack\n/ip4/192.0.2.7/tcp/9100/p2p/" + kPeer +
                                     "\n\n  /dns4/gpu-2.example/tcp/9100  # by name\r\n");
  ASSERT_TRUE(peers) << peers.error().to_text("peers");
  ASSERT_THAT(*peers, SizeIs(2));
  EXPECT_EQ((*peers)[0].peer_id()->to_text(), kPeer);
  EXPECT_EQ((*peers)[1].to_text(), "/dns4/gpu-2.example/tcp/9100");
  EXPECT_THAT(parse_peer_list("").value(), IsEmpty());
}

TEST(PeerListTest, WhatIsWrongIsToldByItsLine) {
  EXPECT_EQ(parse_peer_list("# fine\n/ip4/192.0.2.7/tcp/9100\nlocalhost:9100\n").error().line, 3u);
  EXPECT_EQ(parse_peer_list("/ip4/192.0.2.7/tcp/9100 /ip4/192.0.2.8/tcp/9100").error().line, 1u);
  EXPECT_EQ(parse_peer_list("/").error().line, 1u);
  std::string many;
  for (std::size_t i = 0; i <= kListedPeersMax; ++i) many += "/ip4/192.0.2.7/tcp/9100\n";
  EXPECT_EQ(parse_peer_list(many).error().line, kListedPeersMax + 1);
  EXPECT_EQ(parse_peer_list(std::string(kPeerListBytesMax + 1, '\n')).error().line, 0u);
}

TEST(GateListTest, IsPeersAndRanges) {
  const auto list = parse_gate_list(kPeer + " # gpu-1\n10.0.0.0/8\n2001:db8::/32\n192.0.2.7\n");
  ASSERT_TRUE(list) << list.error().to_text("list");
  EXPECT_THAT(list->peers, SizeIs(1));
  EXPECT_THAT(list->addresses, SizeIs(3));
}

TEST(GateListTest, WhatIsWrongIsToldByItsLine) {
  for (const std::string line : {"12D3KooW", "10.0.0.1/8", "/ip4/10.0.0.1/tcp/1", "10.0.0.0/33", "*"}) {
    const auto list = parse_gate_list("\n" + line + "\n");
    ASSERT_FALSE(list) << line;
    EXPECT_EQ(list.error().line, 2u) << line;
  }
  std::string many;
  for (std::size_t i = 0; i <= kListedGateEntriesMax; ++i) many += "10.0.0.0/8\n";
  EXPECT_EQ(parse_gate_list(many).error().line, kListedGateEntriesMax + 1);
}

}  // namespace
}  // namespace kvp2p
