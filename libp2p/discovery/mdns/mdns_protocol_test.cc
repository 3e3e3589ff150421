#include "libp2p/discovery/mdns/mdns_protocol.h"

#include "libp2p/core/error.h"
#include "multiformats/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace libp2p::mdns {
namespace {

using boost::asio::ip::make_address;
using multiformats::Multiaddr;
using multiformats::PeerId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

PeerId make_peer() { return PeerId::from_public_key(multiformats::PrivateKey::generate().public_key()); }
Multiaddr addr(std::string_view text) { return Multiaddr::from_text(text).value(); }

class MdnsProtocolTest : public ::testing::Test {
 protected:
  base::Bytes query(std::string_view name, DnsType type = DnsType::kPtr, std::uint16_t dns_class = kDnsClassIn) {
    DnsMessage message;
    message.questions.push_back({DnsName::from_text(name), type, dns_class, false});
    return serialise_dns_message(message);
  }
  std::uint8_t asked(base::ConstBytes packet) { return ours_.read(packet).value().asked; }

  /// A response with PTR from the service to `target`, and `strings` as TXT of `txt_name`.
  DnsMessage response(std::string_view target, std::vector<std::string> strings, std::string_view txt_name = "") {
    DnsMessage message;
    message.is_response = true;
    message.answers.push_back(
        {DnsName::from_text(kServiceName), kDnsClassIn, false, 120, DnsPtr{DnsName::from_text(target)}});
    message.additionals.push_back(
        {DnsName::from_text(txt_name.empty() ? target : txt_name), kDnsClassIn, true, 120, DnsTxt{std::move(strings)}});
    return message;
  }
  std::vector<DiscoveredPeer> peers(const DnsMessage& message) {
    return ours_.read(serialise_dns_message(message)).value().peers;
  }
  std::string dnsaddr(std::string_view address, const PeerId& peer) {
    return "dnsaddr=" + std::string(address) + "/p2p/" + peer.to_text();
  }

  PeerId self_ = make_peer();
  PeerId other_ = make_peer();
  MdnsProtocol ours_{self_, kServiceName, "ourname"};
  MdnsProtocol theirs_{other_, kServiceName, "theirname"};
};

TEST_F(MdnsProtocolTest, ANodeFindsAnother) {
  EXPECT_EQ(asked(theirs_.make_query()), kAskedPeer);
  const Multiaddr addresses[] = {addr("/ip4/192.0.2.1/tcp/4001"), addr("/ip6/2001:db8::1/tcp/4002")};
  const auto answers = theirs_.make_answers(kAskedPeer, addresses);
  ASSERT_THAT(answers, SizeIs(1));
  const auto heard = ours_.read(answers[0]);
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->asked, kAskedNothing);
  ASSERT_THAT(heard->peers, SizeIs(1));
  EXPECT_EQ(heard->peers[0].peer, other_);
  EXPECT_THAT(heard->peers[0].addresses, ElementsAre(addresses[0], addresses[1]));
}

TEST_F(MdnsProtocolTest, WeDoNotFindOurselves) {
  const Multiaddr addresses[] = {addr("/ip4/192.0.2.1/tcp/4001")};
  EXPECT_THAT(ours_.read(ours_.make_answers(kAskedPeer, addresses)[0])->peers, IsEmpty());
  // By the peer id too, as after a restart with a new name.
  const MdnsProtocol restarted(self_, kServiceName, "newname");
  EXPECT_THAT(ours_.read(restarted.make_answers(kAskedPeer, addresses)[0])->peers, IsEmpty());
}

TEST_F(MdnsProtocolTest, TheAnswerHasTheShapeThatAllRead) {
  const Multiaddr addresses[] = {addr("/ip4/192.0.2.1/tcp/4001"), addr("/ip4/192.0.2.1/tcp/4002"),
                                 addr("/ip6/2001:db8::1/tcp/4001")};
  const auto message = parse_dns_message(ours_.make_answers(kAskedPeer, addresses)[0]);
  ASSERT_TRUE(message);
  EXPECT_TRUE(message->is_response);
  EXPECT_TRUE(message->is_authoritative);
  EXPECT_THAT(message->questions, IsEmpty());
  EXPECT_THAT(message->authorities, IsEmpty());
  ASSERT_THAT(message->answers, SizeIs(1));
  EXPECT_EQ(message->answers[0].name.to_text(), "_p2p._udp.local");
  EXPECT_FALSE(message->answers[0].cache_flush) << "others answer by this name, too";
  EXPECT_EQ(std::get<DnsPtr>(message->answers[0].data).target.to_text(), "ourname._p2p._udp.local");
  ASSERT_THAT(message->additionals, SizeIs(4));
  EXPECT_EQ(message->additionals[0].name.to_text(), "ourname._p2p._udp.local");
  EXPECT_THAT(std::get<DnsTxt>(message->additionals[0].data).strings,
              ElementsAre(dnsaddr("/ip4/192.0.2.1/tcp/4001", self_), dnsaddr("/ip4/192.0.2.1/tcp/4002", self_),
                          dnsaddr("/ip6/2001:db8::1/tcp/4001", self_)));
  const auto& srv = std::get<DnsSrv>(message->additionals[1].data);
  EXPECT_EQ(message->additionals[1].name.to_text(), "ourname._p2p._udp.local");
  EXPECT_EQ(srv.port, 4001);
  EXPECT_EQ(srv.target.to_text(), "ourname.p2p.local");
  EXPECT_EQ(message->additionals[2].name, srv.target);
  EXPECT_EQ(std::get<DnsA>(message->additionals[2].data).address, (std::array<std::uint8_t, 4>{192, 0, 2, 1}));
  EXPECT_EQ(message->additionals[3].name, srv.target);
  EXPECT_TRUE(std::holds_alternative<DnsAaaa>(message->additionals[3].data));
}

TEST_F(MdnsProtocolTest, TheQueryAsksForThePtrRecordFirst) {
  const auto message = parse_dns_message(ours_.make_query());
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->is_response);
  ASSERT_THAT(message->questions, SizeIs(1));
  EXPECT_EQ(message->questions[0].name.to_text(), "_p2p._udp.local");
  EXPECT_EQ(message->questions[0].type, DnsType::kPtr);
  EXPECT_FALSE(message->questions[0].unicast_response);
}

TEST_F(MdnsProtocolTest, WithoutAnAddressThereIsNothingToSay) {
  EXPECT_THAT(ours_.make_answers(kAskedPeer | kAskedServices, {}), IsEmpty());
}

TEST_F(MdnsProtocolTest, AnswersAreBounded) {
  std::vector<Multiaddr> addresses;
  for (int i = 0; i < 200; ++i) addresses.push_back(addr("/ip4/192.0.2." + std::to_string(i) + "/tcp/4001"));
  const auto answers = ours_.make_answers(kAskedPeer | kAskedServices, addresses);
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_LE(answers[0].size(), kAnswerMaxBytes);
  const auto heard = theirs_.read(answers[0]);
  ASSERT_THAT(heard->peers, SizeIs(1));
  EXPECT_GE(heard->peers[0].addresses.size(), 10u);
  EXPECT_EQ(heard->peers[0].addresses[0], addresses[0]) << "the first are the best";
}

TEST_F(MdnsProtocolTest, AnswersWithTheLongestNamesAreBounded) {
  const std::string label(63, 'x');
  const MdnsProtocol longest(self_, label + "." + label + ".local", label);
  std::vector<Multiaddr> addresses;
  for (int i = 0; i < 200; ++i) addresses.push_back(addr("/ip6/2001:db8::" + std::to_string(i) + "/tcp/4001"));
  for (std::uint8_t asked : {kAskedPeer, kAskedTxt, kAskedAddresses}) {
    EXPECT_LE(longest.make_answers(asked, addresses)[0].size(), kAnswerMaxBytes);
  }
}

TEST_F(MdnsProtocolTest, QueriesForSingleRecordsAreAnswered) {
  EXPECT_EQ(asked(query("ourname._p2p._udp.local", DnsType::kSrv)), kAskedSrv);
  EXPECT_EQ(asked(query("ourname._p2p._udp.local", DnsType::kTxt)), kAskedTxt);
  EXPECT_EQ(asked(query("ourname._p2p._udp.local", DnsType::kAny)), kAskedSrv | kAskedTxt);
  EXPECT_EQ(asked(query("ourname.p2p.local", DnsType::kA)), kAskedAddresses);
  EXPECT_EQ(asked(query("ourname.p2p.local", DnsType::kAaaa)), kAskedAddresses);
  EXPECT_EQ(asked(query("_services._dns-sd._udp.local")), kAskedServices);
  const Multiaddr addresses[] = {addr("/ip4/192.0.2.1/tcp/4001")};
  const auto srv = parse_dns_message(ours_.make_answers(kAskedSrv, addresses)[0]);
  ASSERT_THAT(srv->answers, SizeIs(1));
  EXPECT_TRUE(std::holds_alternative<DnsSrv>(srv->answers[0].data));
  const auto services = parse_dns_message(ours_.make_answers(kAskedServices, addresses)[0]);
  EXPECT_EQ(services->answers[0].name.to_text(), "_services._dns-sd._udp.local");
  EXPECT_EQ(std::get<DnsPtr>(services->answers[0].data).target.to_text(), "_p2p._udp.local");
}

TEST_F(MdnsProtocolTest, OtherQueriesAreNotForUs) {
  EXPECT_EQ(asked(query("_p2p-other._udp.local")), kAskedNothing);
  EXPECT_EQ(asked(query("_p2p._udp.local", DnsType::kA)), kAskedNothing);
  EXPECT_EQ(asked(query("_p2p._udp.local", DnsType::kPtr, 3)), kAskedNothing) << "another class";
  EXPECT_EQ(asked(query("theirname._p2p._udp.local", DnsType::kSrv)), kAskedNothing);
  EXPECT_EQ(asked(query("_P2P._UDP.local")), kAskedPeer);
  EXPECT_EQ(asked(query("_p2p._udp.local", DnsType::kAny, kDnsClassAny)), kAskedPeer);
}

TEST_F(MdnsProtocolTest, AnotherOpcodeOrAnErrorCodeIsIgnored) {
  base::Bytes packet = ours_.make_query();
  packet[2] = 0x08;  // opcode 1
  EXPECT_EQ(asked(packet), kAskedNothing);
  DnsMessage message = response("x._p2p._udp.local", {dnsaddr("/ip4/192.0.2.1/tcp/1", other_)});
  message.rcode = 3;
  EXPECT_THAT(peers(message), IsEmpty());
}

TEST_F(MdnsProtocolTest, JsSendsTxtAmongTheAnswersOneRecordAnAddress) {
  DnsMessage message = response("x._p2p._udp.local", {dnsaddr("/ip4/192.0.2.1/tcp/1", other_)});
  message.answers.push_back(message.additionals[0]);
  std::get<DnsTxt>(message.answers[1].data).strings[0] = dnsaddr("/ip4/192.0.2.2/tcp/1", other_);
  message.answers.push_back(message.additionals[0]);
  message.additionals.clear();
  const auto found = peers(message);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].addresses, ElementsAre(addr("/ip4/192.0.2.2/tcp/1"), addr("/ip4/192.0.2.1/tcp/1")));
}

TEST_F(MdnsProtocolTest, RustNamesItsTxtOutsideTheService) {
  EXPECT_THAT(peers(response("randomname.local", {dnsaddr("/ip4/192.0.2.1/tcp/1", other_)})), SizeIs(1));
}

TEST_F(MdnsProtocolTest, TxtOfAnotherNameIsNotThePeers) {
  EXPECT_THAT(peers(response("x._p2p._udp.local", {dnsaddr("/ip4/192.0.2.1/tcp/1", other_)}, "y._p2p._udp.local")),
              IsEmpty());
}

TEST_F(MdnsProtocolTest, AnotherServiceIsNotOurs) {
  DnsMessage message = response("x._ipp._tcp.local", {dnsaddr("/ip4/192.0.2.1/tcp/1", other_)});
  message.answers[0].name = DnsName::from_text("_ipp._tcp.local");
  EXPECT_THAT(peers(message), IsEmpty());
}

TEST_F(MdnsProtocolTest, AGoodbyeIsNoDiscovery) {
  DnsMessage message = response("x._p2p._udp.local", {dnsaddr("/ip4/192.0.2.1/tcp/1", other_)});
  message.answers[0].ttl_s = 0;
  EXPECT_THAT(peers(message), IsEmpty());
}

TEST_F(MdnsProtocolTest, AddressesThatCannotBeReadAreLeftOut) {
  const auto found = peers(response("x._p2p._udp.local", {
                                                             "dnsaddr=",
                                                             "dnsaddr=/p2p/" + other_.to_text(),
                                                             "dnsaddr=/ip4/192.0.2.1/tcp/1",
                                                             "dnsaddr=/nonsense/1/p2p/" + other_.to_text(),
                                                             "vendor=x",
                                                             dnsaddr("/ip4/192.0.2.3/tcp/1", self_),
                                                             dnsaddr("/ip4/192.0.2.2/tcp/1", other_),
                                                             dnsaddr("/ip4/192.0.2.2/tcp/1", other_),
                                                         }));
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].peer, other_);
  EXPECT_THAT(found[0].addresses, ElementsAre(addr("/ip4/192.0.2.2/tcp/1")));
}

TEST_F(MdnsProtocolTest, WhatOnePacketTellsIsBounded) {
  DnsMessage many_addresses = response("x._p2p._udp.local", {});
  DnsMessage many_peers = many_addresses;
  for (int i = 0; i < 60; ++i) {
    auto& addresses = std::get<DnsTxt>(many_addresses.additionals[0].data).strings;
    addresses.push_back(dnsaddr("/ip4/192.0.2." + std::to_string(i) + "/tcp/1", other_));
    auto& ids = std::get<DnsTxt>(many_peers.additionals[0].data).strings;
    ids.push_back(dnsaddr("/ip4/192.0.2.1/tcp/1", make_peer()));
  }
  EXPECT_EQ(peers(many_addresses)[0].addresses.size(), kAddressesPerPeerMax);
  EXPECT_EQ(peers(many_peers).size(), kPeersPerPacketMax);
}

TEST_F(MdnsProtocolTest, GarbageIsAnError) {
  EXPECT_FALSE(ours_.read(base::as_bytes("garbage")));
  EXPECT_FALSE(ours_.read({}));
}

TEST(MakePeerName, IsRandomLowerCaseAndFitsALabel) {
  const std::string name = make_peer_name();
  EXPECT_GE(name.size(), 32u);
  EXPECT_LE(name.size(), kDnsLabelMaxBytes);
  EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"), std::string::npos);
  EXPECT_NE(name, make_peer_name());
}

TEST(AddressesForInterface, OnlyThoseOnIt) {
  const Multiaddr all[] = {addr("/ip4/0.0.0.0/tcp/1"),    addr("/ip4/127.0.0.1/tcp/1"),
                           addr("/ip4/192.0.2.1/tcp/1"),  addr("/ip6/::/tcp/1"),
                           addr("/ip6/fe80::1/tcp/1"),    addr("/ip6zone/eth0/ip6/fe80::1/tcp/1"),
                           addr("/dns/example.com/tcp/1")};
  const boost::asio::ip::address own[] = {make_address("192.0.2.1"), make_address("fe80::1"), make_address("0.0.0.0")};
  EXPECT_THAT(addresses_for_interface(all, own), ElementsAre(addr("/ip4/192.0.2.1/tcp/1"), addr("/ip6/fe80::1/tcp/1")));
}

TEST(AddressHeardFrom, LinkLocalAddressesGetTheInterfaceAsZone) {
  const Origin eth0{"eth0", false};
  EXPECT_EQ(*address_heard_from(addr("/ip6/fe80::1/tcp/1"), eth0), addr("/ip6zone/eth0/ip6/fe80::1/tcp/1"));
  EXPECT_EQ(*address_heard_from(addr("/ip6/2001:db8::1/tcp/1"), eth0), addr("/ip6/2001:db8::1/tcp/1"));
  EXPECT_EQ(*address_heard_from(addr("/ip4/192.0.2.1/tcp/1"), eth0), addr("/ip4/192.0.2.1/tcp/1"));
  EXPECT_EQ(*address_heard_from(addr("/dns/example.com/tcp/1"), eth0), addr("/dns/example.com/tcp/1"));
}

TEST(AddressHeardFrom, AddressesThatMeanNothingHereAreDropped) {
  const Origin eth0{"eth0", false};
  EXPECT_FALSE(address_heard_from(addr("/ip6zone/eth7/ip6/fe80::1/tcp/1"), eth0));
  EXPECT_FALSE(address_heard_from(addr("/ip4/0.0.0.0/tcp/1"), eth0));
  EXPECT_FALSE(address_heard_from(addr("/ip6/::/tcp/1"), eth0));
  EXPECT_FALSE(address_heard_from(addr("/ip4/127.0.0.1/tcp/1"), eth0));
  EXPECT_FALSE(address_heard_from(addr("/ip6/::1/tcp/1"), eth0));
  EXPECT_EQ(*address_heard_from(addr("/ip4/127.0.0.1/tcp/1"), {"eth0", true}), addr("/ip4/127.0.0.1/tcp/1"));
}

}  // namespace
}  // namespace libp2p::mdns
