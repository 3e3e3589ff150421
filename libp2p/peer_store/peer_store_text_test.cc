#include "libp2p/peer_store/peer_store_text.h"

#include "libp2p/records/peer_record.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

using namespace std::chrono_literals;
using multiformats::Multiaddr;
using multiformats::PeerId;

constexpr UnixTime kNow{1'764'500'000s};
const std::string kPeer = "12D3KooWM5UFnF5u4P2u6iYLPy3w5wi9BUNcmp6KNYHp9atfmX8c";
const std::string kHead = "kv-cache-p2p peers 1\n";

Multiaddr address(int port) { return Multiaddr::from_text("/ip4/192.0.2.7/tcp/" + std::to_string(port)).value(); }

TEST(PeerStoreTextTest, WhatIsWrittenIsRead) {
  PeerStore store;
  for (int i = 0; i < 20; ++i) {
    const auto key = multiformats::PrivateKey::generate();
    const PeerId peer = PeerId::from_public_key(key.public_key());
    store.identified(peer, std::vector{address(1), address(2)}, std::vector<std::string>{"/kv", "/ping"}, kNow);
    store.seen(peer, address(3), kNow + 1s * i);
    store.add_signed_record(peer, seal_peer_record(key, PeerRecord{peer, 7, {address(4)}}), kNow);
    store.add_addresses(PeerId::from_public_key(multiformats::PrivateKey::generate().public_key()),
                        std::vector{address(5)}, AddressSource::kHeard, kNow);
  }
  const auto read = peer_store_from_text(to_text(store), PeerStoreLimits());
  ASSERT_TRUE(read) << read.error().to_text("peers");
  EXPECT_EQ(read->peers(), store.peers());
  EXPECT_EQ(to_text(*read), to_text(store));
}

TEST(PeerStoreTextTest, AnEmptyStoreIsRead) {
  EXPECT_EQ(to_text(PeerStore()), kHead + "end 0\n");
  EXPECT_EQ(peer_store_from_text(to_text(PeerStore()), {}).value().size(), 0u);
}

TEST(PeerStoreTextTest, WhatCannotBeWrittenInALineIsLeftOut) {
  PeerStore store;
  const PeerId peer = PeerId::from_text(kPeer).value();
  const std::vector<std::string> protocols{"/fine", "/with space", "/line\nfeed", "/hash#", std::string(300, 'x'), ""};
  store.identified(peer, std::vector{address(1)}, protocols, kNow);
  EXPECT_EQ(peer_store_from_text(to_text(store), {}).value().find(peer)->protocols, std::vector<std::string>{"/fine"});
}

TEST(PeerStoreTextTest, BeyondTheLimitThoseAtTheEndAreLeftOut) {
  PeerStore store;
  std::vector<PeerId> peers;
  for (int i = 0; i < 5; ++i) {
    peers.push_back(PeerId::from_public_key(multiformats::PrivateKey::generate().public_key()));
    store.seen(peers.back(), address(1), kNow + 1s * i);
  }
  PeerStoreLimits limits;
  limits.peers_max = 2;
  const PeerStore read = peer_store_from_text(to_text(store), limits).value();
  EXPECT_EQ(read.size(), 2u);
  EXPECT_TRUE(read.find(peers[4]) != nullptr && read.find(peers[3]) != nullptr);
}

TEST(PeerStoreTextTest, WhatIsWrongIsToldByItsLine) {
  const std::string peer = "peer " + kPeer + " 1764500000\n";
  const auto line_of = [](const std::string& text) {
    const auto store = peer_store_from_text(text, PeerStoreLimits());
    return store ? std::size_t{0} : store.error().line;
  };
  EXPECT_EQ(line_of(""), 1u);
  EXPECT_EQ(line_of("kv-cache-p2p peers 2\nend 0\n"), 1u);
  EXPECT_EQ(line_of(kHead), 1u) << "there is no end";
  EXPECT_EQ(line_of(kHead + peer), 2u);
  EXPECT_EQ(line_of(kHead + peer + "end 2\n"), 3u);
  EXPECT_EQ(line_of(kHead + peer + "end 1\nend 1\n"), 4u);
  for (const std::string& line : {
           std::string("peer nobody -"),
           "peer " + kPeer,
           "peer " + kPeer + " yesterday",
           "peer " + kPeer + " -5",
           "peer " + kPeer + " 99999999999999",
           std::string("address /ip4/192.0.2.7/tcp/1 heard"),
           std::string("address /ip4/192.0.2.7/tcp/1 rumoured 1764500000"),
           std::string("address /ip4/192.0.2/tcp/1 heard 1764500000"),
           "address /ip4/192.0.2.7/tcp/1/p2p/" + kPeer + " heard 1764500000",
           std::string("address /ip4/192.0.2.7/tcp/1 heard 1764500000 more"),
           std::string("protocol"),
           std::string("protocol /a /b"),
           std::string("record !!!!"),
           std::string("record AAAA"),
           std::string("frobnicate"),
           std::string("end many"),
       }) {
    EXPECT_EQ(line_of(kHead + peer + line + "\nend 1\n"), 3u) << line;
  }
  EXPECT_EQ(line_of(kHead + "protocol /a\nend 0\n"), 2u) << "belongs to no peer";
}

TEST(PeerStoreTextTest, ARecordOfAnotherPeerIsRefused) {
  const auto key = multiformats::PrivateKey::generate();
  const PeerId signer = PeerId::from_public_key(key.public_key());
  PeerStore store;
  store.add_signed_record(signer, seal_peer_record(key, PeerRecord{signer, 7, {address(4)}}), kNow);
  std::string text = to_text(store);
  text.replace(text.find(signer.to_text()), signer.to_text().size(), kPeer);
  EXPECT_FALSE(peer_store_from_text(text, PeerStoreLimits()));
}

}  // namespace
}  // namespace libp2p
