#include "multiformats/multiaddr.h"

#include "multiformats/errors.h"
#include "multiformats/multibase.h"

#include <gtest/gtest.h>

#include <unordered_set>

namespace multiformats {
namespace {

constexpr std::string_view kPeer = "12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV";
constexpr std::string_view kOtherPeer = "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC";

base::Bytes hex(std::string_view text) { return decode_base(Base::kBase16, text).value(); }

Multiaddr address(std::string_view text) {
  auto parsed = Multiaddr::from_text(text);
  EXPECT_TRUE(parsed) << text << ": " << parsed.error().message();
  return parsed ? *parsed : Multiaddr();
}

// Pairs of multiformats/go-multiaddr's tests.
TEST(MultiaddrTest, BinaryFormsFitOtherImplementations) {
  const std::pair<std::string_view, std::string_view> pairs[] = {
      {"/ip4/127.0.0.1/udp/1234", "047f000001910204d2"},
      {"/ip4/127.0.0.1/tcp/4321", "047f0000010610e1"},
      {"/ip4/127.0.0.1/udp/1234/ip4/127.0.0.1/tcp/4321", "047f000001910204d2047f0000010610e1"},
      {"/ip6zone/eth0/ip6/::1",
       "2a046574683029"
       "00000000000000000000000000000001"},
      {"/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC",
       "a503221220d52ebb89d85b02a284948203a62ff28389c57c9f42beec4ec20db76a68911c0b"},
      {"/dns4/example.com/tcp/443/tls/ws", "360b6578616d706c652e636f6d0601bbc003dd03"},
      {"/unix/a/b/c",
       "90030"
       "62f612f622f63"},
  };
  for (const auto& [text, bytes] : pairs) {
    EXPECT_EQ(base::to_hex(address(text).to_bytes()), bytes) << text;
    const auto parsed = Multiaddr::from_bytes(hex(bytes));
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message();
    EXPECT_EQ(parsed->to_text(), text);
  }
}

TEST(MultiaddrTest, GoodAddressesSurviveBothForms) {
  for (std::string_view text : {
           "/ip4/1.2.3.4",
           "/ip4/0.0.0.0",
           "/ip6/::1",
           "/ip6/2601:9:4f81:9700:803e:ca65:66e8:c21",
           "/ip6/2601:9:4f81:9700:803e:ca65:66e8:c21/udp/1234/quic-v1",
           "/ip6zone/x%y/ip6/fe80::1/tcp/4001",
           "/ip6/::ffff:127.0.0.1/tcp/111",
           "/udp/0",
           "/tcp/65535",
           "/tcp/1234/http",
           "/tcp/1234/tls/http",
           "/tcp/1234/https",
           "/dns/example.com/tcp/1",
           "/dns6/example.com",
           "/dnsaddr/bootstrap.libp2p.io",
           "/ip4/127.0.0.1/udp/1234/quic-v1/webtransport/certhash/uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8g",
           "/ip4/127.0.0.1/tcp/127/ws",
           "/ip4/127.0.0.1/tcp/127/noise",
           "/ip4/127.0.0.1/tcp/127/wss",
           "/ip4/127.0.0.1/udp/127/webrtc-direct",
           "/ip4/127.0.0.1/tcp/443/tls/sni/example.com/http",
           "/ip4/127.0.0.1/tcp/80/plaintextv2",
           "/unix/stdio",
           "/ip4/1.2.3.4/tcp/80/unix/a/b/c/d/e/f",
           "/unix/a/",
           "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV/p2p-circuit",
       }) {
    const Multiaddr parsed = address(text);
    EXPECT_EQ(parsed.to_text(), text);
    EXPECT_EQ(Multiaddr::from_bytes(parsed.to_bytes()).value(), parsed);
  }
}

TEST(MultiaddrTest, OtherTextsOfOneAddressAreEqual) {
  EXPECT_EQ(address("/ip4/127.0.0.1/tcp/1234/"), address("/ip4/127.0.0.1/tcp/1234"));
  EXPECT_EQ(address("/ip6/0:0:0:0:0:0:0:1"), address("/ip6/::1"));
  EXPECT_EQ(address("/ipfs/" + std::string(kPeer)), address("/p2p/" + std::string(kPeer)));
  EXPECT_EQ(address("/p2p/k51qzi5uqu5dhb6l8spkdx7yxafegfkee5by8h7lmjh2ehc2sgg34z7c15vzqs").to_text(),
            "/p2p/" + std::string(kPeer));
  EXPECT_EQ(address("/p2p/bafzaajaiaejcalj543iwv2d7pkjt7ykvefrkfu7qjfi6sduakhso4lay6abn2d5u").to_text(),
            "/p2p/" + std::string(kPeer));
}

TEST(MultiaddrTest, BadTextsAreRefused) {
  for (std::string_view text : {
           "",
           "/",
           "//",
           "ip4/1.2.3.4",
           "/ip4",
           "/ip4/",
           "/ip4/::1",
           "/ip4/fdpsofodsajfdoisa",
           "/ip4/1.2.3",
           "/ip4/1.2.3.4.5",
           "/ip4/1.2.3.256",
           "/ip6",
           "/ip6/1.2.3.4",
           "/ip6/::1%eth0",
           "/ip6/::1%1",
           "/ip6zone",
           "/ip6zone/",
           "/ip6zone//ip6/fe80::1",
           "/udp",
           "/tcp",
           "/udp/65536",
           "/tcp/65536",
           "/tcp/-1",
           "/tcp/+1",
           "/tcp/ 1",
           "/tcp/1x",
           "/tcp/0x1",
           "/quic/65536",
           "/quic-v1/65536",
           "/ip4/127.0.0.1/udp/jfodsajfidosajfoidsa",
           "/ip4/127.0.0.1/udp",
           "/ip4/127.0.0.1/quic/1234",
           "/ip4/127.0.0.1/udp/1234/quic-v1/webtransport/certhash",
           "/certhash/uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8",
           "/certhash/xyz",
           "/ip4/127.0.0.1/p2p",
           "/ip4/127.0.0.1/p2p/tcp",
           "/p2p/QmxoHT6iViN5xAjoz1VZ553cL31U9F94ht3QvWR1FrEbZY",
           "/unix",
           "/unix/",
           "/ip4/1.2.3.4/tcp/80/unix",
           "/dns",
           "/dns4//tcp/1",
           "/dns4/a b",
           "/dns4/a\nb",
           "/dns4/\x1b[31m",
           "/nonsense/1",
           "/ip4//tcp/1",
           "/IP4/1.2.3.4",
       }) {
    EXPECT_FALSE(Multiaddr::from_text(text)) << text;
  }
  EXPECT_EQ(Multiaddr::from_text("ip4/1.2.3.4").error(), Errc::kMissingSlash);
  EXPECT_EQ(Multiaddr::from_text("/nonsense/1").error(), Errc::kUnknownProtocol);
  EXPECT_FALSE(Multiaddr::from_text(std::string_view("/ip4/1.2.3.4\0x", 14)));
}

TEST(MultiaddrTest, BadBytesAreRefused) {
  const std::pair<std::string_view, Errc> cases[] = {
      {"", Errc::kEmpty},
      {"04", Errc::kTruncated},
      {"047f0000", Errc::kTruncated},
      {"80", Errc::kTruncated},
      {"840004", Errc::kVarintNotMinimal},
      {"047f00000106", Errc::kTruncated},
      {"350b6578616d70", Errc::kTruncated},
      {"35ffffffffffffffff7f61", Errc::kTruncated},
      {"35ffffffffffffffffff01", Errc::kVarintTooLong},
      {"3500", Errc::kBadAddressValue},
      {"3503610a62", Errc::kBadAddressValue},  // a line break in a name
      {"3503612f62", Errc::kBadAddressValue},  // a slash in a name
      {"35036100"
       "62",
       Errc::kBadAddressValue},                      // a zero in a name
      {"9003022f610601bb", Errc::kBadAddressValue},  // something after a path
      {"90030161", Errc::kBadAddressValue},          // a path without its slash
      {"047f0000019909", Errc::kUnknownProtocol},
      {"a503221221c05877cbae039d70a5e600ea02c6f9f2942439285c9e344e26f8d280c850fad6", Errc::kBadAddressValue},
  };
  for (const auto& [bytes, error] : cases) EXPECT_EQ(Multiaddr::from_bytes(hex(bytes)).error(), error) << bytes;
}

TEST(MultiaddrTest, AnUnknownProtocolSpoilsItsOwnAddressOnly) {
  // onion3 and memory are not in the table.
  const base::Bytes list[] = {hex("047f0000010610e1"),
                              hex("890601"
                                  "34"),
                              hex("29000000000000000000000000000000010610e1")};
  std::vector<std::string> good;
  for (const auto& bytes : list) {
    if (auto parsed = Multiaddr::from_bytes(bytes)) good.push_back(parsed->to_text());
  }
  EXPECT_EQ(good, (std::vector<std::string>{"/ip4/127.0.0.1/tcp/4321", "/ip6/::1/tcp/4321"}));
}

TEST(MultiaddrTest, LengthAndComponentsAreBounded) {
  std::string text;
  for (std::size_t i = 0; i < kMultiaddrComponentsMax; ++i) text += "/ws";
  EXPECT_TRUE(Multiaddr::from_text(text));
  EXPECT_EQ(Multiaddr::from_text(text + "/ws").error(), Errc::kTooManyComponents);
  const Multiaddr full = address(text);
  EXPECT_EQ(full.encapsulate(full).error(), Errc::kTooManyComponents);
  EXPECT_EQ(full.with_peer(PeerId::from_text(kPeer).value()).error(), Errc::kTooManyComponents);

  base::Bytes bytes;
  for (int i = 0; i < 5; ++i) {
    bytes.insert(bytes.end(), {0x35, 0xfa, 0x01});
    bytes.insert(bytes.end(), 250, 'a');
  }
  EXPECT_EQ(Multiaddr::from_bytes(bytes).error(), Errc::kTooLong);
  EXPECT_EQ(Multiaddr::from_text("/dns/" + std::string(kMultiaddrTextMax, 'a')).error(), Errc::kTooLong);
}

TEST(MultiaddrTest, ComponentsAreGivenInOrder) {
  const auto parts = address("/ip4/192.0.2.7/tcp/4001/p2p/" + std::string(kPeer)).components();
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].protocol, AddrProtocol::kIp4);
  EXPECT_EQ(parts[0].value_text(), "192.0.2.7");
  EXPECT_EQ(parts[1].value, (base::Bytes{0x0f, 0xa1}));
  EXPECT_EQ(parts[1].value_text(), "4001");
  EXPECT_EQ(parts[2].value_text(), kPeer);
  EXPECT_TRUE(address("/tcp/1/ws").has(AddrProtocol::kWs));
  EXPECT_FALSE(address("/tcp/1/ws").has(AddrProtocol::kP2pCircuit));
}

TEST(MultiaddrTest, ThePeerAtTheEndCanBeSetReplacedAndTakenOff) {
  const PeerId peer = PeerId::from_text(kPeer).value();
  const PeerId other = PeerId::from_text(kOtherPeer).value();
  const Multiaddr plain = address("/ip4/192.0.2.7/tcp/4001");
  EXPECT_EQ(plain.peer_id(), std::nullopt);
  EXPECT_EQ(plain.without_peer(), plain);
  const Multiaddr named = plain.with_peer(peer).value();
  EXPECT_EQ(named.to_text(), "/ip4/192.0.2.7/tcp/4001/p2p/" + std::string(kPeer));
  EXPECT_EQ(named.peer_id(), peer);
  EXPECT_EQ(named.with_peer(peer).value(), named);
  EXPECT_EQ(named.with_peer(other).value().peer_id(), other);
  EXPECT_EQ(named.without_peer(), plain);
  EXPECT_EQ(Multiaddr().with_peer(peer).value().without_peer(), Multiaddr());
}

TEST(MultiaddrTest, ARelayIsNotThePeerAtTheEnd) {
  const Multiaddr relayed = address("/ip4/192.0.2.7/tcp/4001/p2p/" + std::string(kPeer) + "/p2p-circuit");
  EXPECT_EQ(relayed.peer_id(), std::nullopt);
  EXPECT_EQ(relayed.without_peer(), relayed);
  const Multiaddr through = relayed.encapsulate(address("/p2p/" + std::string(kOtherPeer))).value();
  EXPECT_EQ(through.peer_id()->to_text(), kOtherPeer);
}

TEST(MultiaddrTest, AnEndpointIsFoundInPlainTcpAddressesOnly) {
  const auto v4 = address("/ip4/192.0.2.7/tcp/4001").tcp_endpoint();
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->address.to_string(), "192.0.2.7");
  EXPECT_EQ(v4->port, 4001);
  const auto v6 = address("/ip6/2001:db8::1/tcp/1/p2p/" + std::string(kPeer)).tcp_endpoint();
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->address.to_string(), "2001:db8::1");
  EXPECT_EQ(v6->zone, "");
  const auto zone = address("/ip6zone/eth0/ip6/fe80::1/tcp/1").tcp_endpoint();
  ASSERT_TRUE(zone);
  EXPECT_EQ(zone->zone, "eth0");
  for (std::string_view text : {
           "/ip4/192.0.2.7",
           "/tcp/4001",
           "/ip4/192.0.2.7/udp/4001",
           "/dns4/example.com/tcp/4001",
           "/ip4/192.0.2.7/tcp/4001/ws",
           "/ip4/192.0.2.7/tcp/4001/tls",
           "/ip6zone/eth0/ip4/192.0.2.7/tcp/1",
           "/ip6zone/eth0/tcp/1",
           "/ip6zone/eth0",
           "/ip4/192.0.2.7/tcp/4001/tcp/4001",
           "/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV/p2p-circuit",
       }) {
    EXPECT_FALSE(address(text).tcp_endpoint()) << text;
  }
  EXPECT_FALSE(Multiaddr().tcp_endpoint());
}

TEST(MultiaddrTest, EndpointsBecomeAddressesAndBack) {
  using boost::asio::ip::make_address;
  EXPECT_EQ(Multiaddr::from_ip_tcp(make_address("192.0.2.7"), 4001).to_text(), "/ip4/192.0.2.7/tcp/4001");
  EXPECT_EQ(Multiaddr::from_ip_tcp(make_address("::1"), 65535).to_text(), "/ip6/::1/tcp/65535");
  auto link_local = make_address("fe80::1").to_v6();
  link_local.scope_id(3);
  const Multiaddr scoped = Multiaddr::from_ip_tcp(link_local, 1);
  EXPECT_EQ(scoped.to_text(), "/ip6zone/3/ip6/fe80::1/tcp/1");
  EXPECT_EQ(scoped.tcp_endpoint()->address, boost::asio::ip::address(link_local));
}

TEST(MultiaddrTest, AddressesAreOrderedAndHashedByTheirBytes) {
  const Multiaddr a = address("/ip4/1.2.3.4/tcp/1");
  const Multiaddr b = address("/ip4/1.2.3.4/tcp/2");
  EXPECT_LT(a, b);
  EXPECT_EQ((std::unordered_set<Multiaddr>{a, b, a}).size(), 2u);
  EXPECT_TRUE(Multiaddr().empty());
  EXPECT_EQ(Multiaddr().to_text(), "");
  EXPECT_EQ(Multiaddr().encapsulate(a).value(), a);
}

}  // namespace
}  // namespace multiformats
