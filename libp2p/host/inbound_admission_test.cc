#include "libp2p/host/inbound_admission.h"

#include <gtest/gtest.h>

#include <vector>

namespace libp2p {
namespace {

multiformats::Multiaddr from(const std::string& ip) {
  return multiformats::Multiaddr::from_ip_tcp(boost::asio::ip::make_address(ip), 1234);
}

class InboundAdmissionTest : public ::testing::Test {
 protected:
  bool admit(const std::string& ip) {
    auto permit = admission_.admit(from(ip), now_);
    if (!permit) return false;
    permits_.push_back(std::move(*permit));
    return true;
  }

  InboundAdmission admission_{{.pending_max = 5, .pending_per_network_max = 2, .per_network_max = 3}};
  std::vector<InboundAdmission::Permit> permits_;
  base::TimePoint now_ = base::TimePoint(std::chrono::hours(1));
};

TEST_F(InboundAdmissionTest, HandshakesInAllAreBounded) {
  for (const char* ip : {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"}) EXPECT_TRUE(admit(ip));
  EXPECT_FALSE(admit("192.0.2.6"));
  permits_[2].end_handshake();
  permits_[2].end_handshake();  // once
  EXPECT_EQ(admission_.pending(), 4u);
  EXPECT_TRUE(admit("192.0.2.6"));
  EXPECT_FALSE(admit("192.0.2.7"));
  permits_.pop_back();
  EXPECT_TRUE(admit("192.0.2.7")) << "the end of a connection makes room too";
}

TEST_F(InboundAdmissionTest, HandshakesFromOneAddressAreBounded) {
  EXPECT_TRUE(admit("192.0.2.1"));
  EXPECT_TRUE(admit("192.0.2.1"));
  EXPECT_FALSE(admit("192.0.2.1"));
  EXPECT_TRUE(admit("192.0.2.2"));
  permits_[0].end_handshake();
  EXPECT_TRUE(admit("192.0.2.1"));
}

TEST_F(InboundAdmissionTest, ConnectionsFromOneAddressAreBounded) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(admit("192.0.2.1"));
    permits_.back().end_handshake();
  }
  EXPECT_FALSE(admit("192.0.2.1"));
  permits_.pop_back();
  EXPECT_TRUE(admit("192.0.2.1"));
}

TEST_F(InboundAdmissionTest, AnIpv6NetworkCountsAsOneAddress) {
  EXPECT_TRUE(admit("2001:db8::1"));
  EXPECT_TRUE(admit("2001:db8::2:1"));
  EXPECT_FALSE(admit("2001:db8::ffff:ffff:ffff:ffff"));
  EXPECT_TRUE(admit("2001:db8:0:1::1")) << "another /64";
  EXPECT_TRUE(admit("0.0.0.1")) << "not an IPv6 address of the same bits";
}

TEST_F(InboundAdmissionTest, NothingIsKeptOfThoseThatHaveGone) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(admit("192.0.2." + std::to_string(i)));
    permits_.clear();
  }
  EXPECT_EQ(admission_.pending(), 0u);
}

class PacedAdmissionTest : public InboundAdmissionTest {
 protected:
  PacedAdmissionTest() {
    admission_ = InboundAdmission({.per_network_max = 3, .per_network_per_second = 2, .paced_networks_max = 2});
  }
  /// Connections that end at once.
  bool come_and_go(const std::string& ip) {
    const bool admitted = admit(ip);
    permits_.clear();
    return admitted;
  }
};

TEST_F(PacedAdmissionTest, WhoComesAgainAndAgainIsAdmittedSoManyTimesASecond) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(come_and_go("192.0.2.1")) << "saved up";
  EXPECT_FALSE(come_and_go("192.0.2.1"));
  EXPECT_TRUE(come_and_go("192.0.2.2")) << "each address by itself";
  now_ += std::chrono::seconds(1);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(come_and_go("192.0.2.1"));
  EXPECT_FALSE(come_and_go("192.0.2.1"));
}

TEST_F(PacedAdmissionTest, AHandshakeThatComesToNothingCountsForSeveral) {
  EXPECT_TRUE(come_and_go("192.0.2.1"));
  admission_.note_failed(from("192.0.2.1"), now_);
  EXPECT_FALSE(come_and_go("192.0.2.1"));
  EXPECT_TRUE(come_and_go("192.0.2.2")) << "each address by itself";
  now_ += std::chrono::milliseconds(999);
  EXPECT_FALSE(come_and_go("192.0.2.1"));
  now_ += std::chrono::milliseconds(2);
  EXPECT_TRUE(come_and_go("192.0.2.1"));
}

TEST_F(PacedAdmissionTest, WhatIsKeptOfAddressesIsBounded) {
  for (int i = 0; i < 4; ++i) come_and_go("192.0.2.1");
  EXPECT_FALSE(come_and_go("192.0.2.1"));
  for (int i = 2; i < 100; ++i) EXPECT_TRUE(come_and_go("192.0.2." + std::to_string(i)));
  EXPECT_TRUE(come_and_go("192.0.2.1")) << "forgotten";
}

}  // namespace
}  // namespace libp2p
