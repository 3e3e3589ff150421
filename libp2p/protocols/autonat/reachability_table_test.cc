#include "libp2p/protocols/autonat/reachability_table.h"

#include <gtest/gtest.h>

namespace libp2p::autonat {
namespace {

using namespace std::chrono_literals;
using multiformats::Multiaddr;
using multiformats::PeerId;

PeerId new_peer() { return PeerId::from_public_key(multiformats::PrivateKey::generate().public_key()); }

class ReachabilityTableTest : public ::testing::Test {
 protected:
  static Multiaddr numbered(int port) {
    return Multiaddr::from_text("/ip4/44.1.2.3/tcp/" + std::to_string(port)).value();
  }
  void record(const PeerId& server, bool reached) { table_.record(address_, server, reached, now_); }
  Verdict verdict() const { return table_.verdict(address_, now_); }

  ReachabilityTable table_{2};
  base::TimePoint now_{1h};
  const Multiaddr address_ = numbered(4001);
};

TEST_F(ReachabilityTableTest, AVerdictTakesSeveralServers) {
  EXPECT_EQ(verdict(), Verdict::kUnknown);
  record(new_peer(), true);
  EXPECT_EQ(verdict(), Verdict::kUnknown);
  record(new_peer(), true);
  EXPECT_EQ(verdict(), Verdict::kReachable);
}

TEST_F(ReachabilityTableTest, OneServerIsOneHoweverOftenItSpeaks) {
  const PeerId server = new_peer();
  for (int i = 0; i < 10; ++i) record(server, false);
  EXPECT_EQ(verdict(), Verdict::kUnknown);
}

TEST_F(ReachabilityTableTest, WhereServersDisagreeMostAreBelieved) {
  for (int i = 0; i < 2; ++i) record(new_peer(), false);
  EXPECT_EQ(verdict(), Verdict::kUnreachable);
  for (int i = 0; i < 2; ++i) record(new_peer(), true);
  EXPECT_EQ(verdict(), Verdict::kUnknown);
  record(new_peer(), true);
  EXPECT_EQ(verdict(), Verdict::kReachable);
}

TEST_F(ReachabilityTableTest, ResultsHoldForATime) {
  const PeerId server = new_peer();
  record(server, true);
  record(new_peer(), true);
  EXPECT_EQ(table_.asked(address_, server, now_), now_);
  now_ += kResultTime;
  EXPECT_EQ(verdict(), Verdict::kUnknown);
  EXPECT_EQ(table_.asked(address_, server, now_), std::nullopt);
  EXPECT_EQ(table_.asked(address_, now_), std::nullopt);
}

TEST_F(ReachabilityTableTest, MemoryIsBounded) {
  for (int port = 1; port < 100; ++port) {
    now_ += 1s;
    for (int i = 0; i < 20; ++i) table_.record(numbered(port), new_peer(), true, now_);
  }
  EXPECT_EQ(table_.size(), kTableAddressesMax);
  EXPECT_EQ(table_.verdict(numbered(1), now_), Verdict::kUnknown);
  EXPECT_EQ(table_.verdict(numbered(99), now_), Verdict::kReachable);
}

}  // namespace
}  // namespace libp2p::autonat
