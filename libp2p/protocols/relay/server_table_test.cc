#include "libp2p/protocols/relay/server_table.h"

#include "libp2p/protocols/relay/error.h"

#include <gtest/gtest.h>

#include <list>

namespace libp2p::relay {
namespace {

using namespace std::chrono_literals;
using multiformats::PeerId;

PeerId new_peer() { return PeerId::from_public_key(multiformats::PrivateKey::generate().public_key()); }

class ServerTableTest : public ::testing::Test {
 protected:
  static ServerLimits small() {
    ServerLimits limits;
    limits.reservations_max = 3;
    limits.reservations_per_network_max = 2;
    limits.circuits_max = 4;
    limits.circuits_per_peer_max = 2;
    limits.circuits_per_network_max = 3;
    return limits;
  }
  static NetworkId network(std::uint64_t number) { return {false, number << 8}; }

  Status open(const PeerId& from, std::uint64_t from_network, const PeerId& to) {
    std::optional<ServerTable::Permit> permit;
    const Status status = table_.open_circuit(from, network(from_network), to, now_, permit);
    EXPECT_EQ(permit.has_value(), status == Status::kOk);
    if (permit) permits_.push_back(std::move(*permit));
    return status;
  }

  ServerTable table_{small()};
  base::TimePoint now_{1h};
  std::list<ServerTable::Permit> permits_;
};

TEST_F(ServerTableTest, AReservationEndsWithItsTimeOrItsPeer) {
  const PeerId one = new_peer(), other = new_peer();
  EXPECT_EQ(table_.reserve(one, network(1), now_), Status::kOk);
  EXPECT_EQ(table_.reserve(other, network(1), now_), Status::kOk);
  table_.remove_reservation(other);
  EXPECT_FALSE(table_.has_reservation(other, now_));
  EXPECT_TRUE(table_.has_reservation(one, now_ + small().reservation_time - 1ns));
  EXPECT_FALSE(table_.has_reservation(one, now_ + small().reservation_time));
  EXPECT_EQ(table_.reservations(now_ + small().reservation_time), 0u);
}

TEST_F(ServerTableTest, ReservationsAreBoundedInAllAndByNetwork) {
  const PeerId one = new_peer();
  EXPECT_EQ(table_.reserve(one, network(1), now_), Status::kOk);
  EXPECT_EQ(table_.reserve(new_peer(), network(1), now_), Status::kOk);
  EXPECT_EQ(table_.reserve(new_peer(), network(1), now_), Status::kReservationRefused);
  EXPECT_EQ(table_.reserve(new_peer(), network(2), now_), Status::kOk);
  EXPECT_EQ(table_.reserve(new_peer(), network(3), now_), Status::kReservationRefused);
  // What is there is renewed even so.
  EXPECT_EQ(table_.reserve(one, network(1), now_ + 1min), Status::kOk);
  EXPECT_EQ(table_.reservations(now_ + 1min), 3u);
  // And what is over makes room.
  EXPECT_EQ(table_.reserve(new_peer(), network(3), now_ + small().reservation_time), Status::kOk);
}

TEST_F(ServerTableTest, ACircuitNeedsAReservationOfItsTarget) {
  const PeerId target = new_peer();
  EXPECT_EQ(open(new_peer(), 1, target), Status::kNoReservation);
  ASSERT_EQ(table_.reserve(target, network(1), now_), Status::kOk);
  EXPECT_EQ(open(new_peer(), 1, target), Status::kOk);
}

TEST_F(ServerTableTest, CircuitsAreBoundedByPeerNetworkAndInAll) {
  const PeerId one = new_peer(), other = new_peer(), third = new_peer(), from = new_peer();
  for (const PeerId& each : {one, other}) ASSERT_EQ(table_.reserve(each, network(9), now_), Status::kOk);
  ASSERT_EQ(table_.reserve(third, network(8), now_), Status::kOk);
  EXPECT_EQ(open(from, 1, one), Status::kOk);
  EXPECT_EQ(open(from, 1, other), Status::kOk);
  EXPECT_EQ(open(from, 1, third), Status::kResourceLimitExceeded);  // from has two
  EXPECT_EQ(open(new_peer(), 1, one), Status::kOk);
  EXPECT_EQ(open(new_peer(), 2, one), Status::kResourceLimitExceeded);    // one has two
  EXPECT_EQ(open(new_peer(), 1, third), Status::kResourceLimitExceeded);  // the network has three
  EXPECT_EQ(open(new_peer(), 2, third), Status::kOk);
  EXPECT_EQ(open(new_peer(), 3, third), Status::kResourceLimitExceeded);  // four are all there may be
  permits_.erase(permits_.begin());
  EXPECT_EQ(open(new_peer(), 3, third), Status::kOk);
  permits_.clear();
  EXPECT_EQ(table_.circuits(), 0u);
}

TEST_F(ServerTableTest, APermitMayOutliveTheTable) {
  auto table = std::make_unique<ServerTable>(small());
  const PeerId target = new_peer();
  ASSERT_EQ(table->reserve(target, std::nullopt, now_), Status::kOk);
  std::optional<ServerTable::Permit> permit;
  ASSERT_EQ(table->open_circuit(new_peer(), std::nullopt, target, now_, permit), Status::kOk);
  table.reset();
  permit.reset();
}

TEST(ServerLimits, OfNothingAreRefused) {
  EXPECT_TRUE(validate(ServerLimits()));
  EXPECT_TRUE(validate(unlimited_circuits()));
  ServerLimits limits;
  limits.reservations_max = 0;
  EXPECT_EQ(validate(limits).error(), Errc::kBadLimits);
  limits = {};
  limits.reservation_time = 0s;
  EXPECT_EQ(validate(limits).error(), Errc::kBadLimits);
  limits = {};
  limits.circuit_time = -1s;
  EXPECT_EQ(validate(limits).error(), Errc::kBadLimits);
}

}  // namespace
}  // namespace libp2p::relay
