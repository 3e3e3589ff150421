#include "cache/lease_table.h"

#include "exchange/exchange_error.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

multiformats::PeerId make_peer() {
  return multiformats::PeerId::from_public_key(multiformats::PrivateKey::generate().public_key());
}

std::shared_ptr<Lease> lease_of(const multiformats::PeerId& peer) {
  auto lease = std::make_shared<Lease>();
  lease->peer = peer;
  return lease;
}

class LeaseTableTest : public ::testing::Test {
 protected:
  LeaseTableTest() { table_.set_epoch(5); }
  LeaseToken grant(const multiformats::PeerId& peer, base::Duration time = 10s) {
    return table_.grant(lease_of(peer), time).value();
  }
  base::ManualClock clock_;
  LeaseTable table_{clock_};
  const multiformats::PeerId peer_ = make_peer();
};

TEST_F(LeaseTableTest, OnlyTheHolderFindsItsLease) {
  const LeaseToken token = grant(peer_);
  EXPECT_TRUE(table_.find(peer_, token));
  EXPECT_FALSE(table_.find(make_peer(), token));
}

TEST_F(LeaseTableTest, ForgedTokensAreRefused) {
  const LeaseToken token = grant(peer_);
  LeaseToken other_id = token, other_mac = token, other_epoch = token;
  ++other_id.id;
  other_mac.mac[15] ^= 1;
  ++other_epoch.epoch;
  for (const LeaseToken& forged : {other_id, other_mac, other_epoch}) {
    EXPECT_FALSE(table_.find(peer_, forged));
    table_.release(peer_, forged);
  }
  table_.release(make_peer(), token);
  EXPECT_EQ(table_.size(), 1u);
  LeaseTable restarted(clock_);
  restarted.set_epoch(5);
  base::Duration time = 1s;
  ASSERT_TRUE(restarted.grant(lease_of(peer_), time));
  EXPECT_FALSE(restarted.find(peer_, token)) << "the secret is new at every start";
}

TEST_F(LeaseTableTest, LeasesEndByThemselves) {
  const LeaseToken token = grant(peer_, 10s);
  clock_.advance(9s);
  EXPECT_TRUE(table_.find(peer_, token));
  clock_.advance(1s);
  EXPECT_FALSE(table_.find(peer_, token));
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(LeaseTableTest, TimeIsBounded) {
  base::Duration forever = std::chrono::hours(24), unspecified = 0s;
  ASSERT_TRUE(table_.grant(lease_of(peer_), forever));
  EXPECT_EQ(forever, kLeaseTimeMax);
  ASSERT_TRUE(table_.grant(lease_of(peer_), unspecified));
  EXPECT_EQ(unspecified, kLeaseTimeDefault);
}

TEST_F(LeaseTableTest, ALeaseLivesAsLongAsItIsRead) {
  const LeaseToken token = grant(peer_, 10s);
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(table_.find_to_read(peer_, token)) << i;
    clock_.advance(9s);
  }
  clock_.advance(1s);
  EXPECT_FALSE(table_.find_to_read(peer_, token));
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(LeaseTableTest, ReleasedLeaseLivesWhileItIsRead) {
  const LeaseToken token = grant(peer_);
  const std::shared_ptr<Lease> reading = table_.find(peer_, token);
  table_.release(peer_, token);
  EXPECT_FALSE(table_.find(peer_, token));
  EXPECT_EQ(reading.use_count(), 1);
}

TEST_F(LeaseTableTest, APeersLeasesEndTogetherAndNobodyElses) {
  const auto other = make_peer();
  const LeaseToken first = grant(peer_), second = grant(peer_), others = grant(other);
  table_.release_all(peer_);
  EXPECT_FALSE(table_.find(peer_, first));
  EXPECT_FALSE(table_.find(peer_, second));
  EXPECT_TRUE(table_.find(other, others));
  table_.release_all(peer_);
  EXPECT_EQ(table_.size(), 1u);
  EXPECT_TRUE(table_.find(peer_, grant(peer_)));
}

TEST_F(LeaseTableTest, OnePeerCannotTakeThemAll) {
  for (std::size_t i = 0; i < kLeasesPerPeerMax; ++i) grant(peer_);
  base::Duration time = 1s;
  EXPECT_EQ(table_.grant(lease_of(peer_), time).error(), ExchangeError::kTooManyRequests);
  EXPECT_TRUE(table_.grant(lease_of(make_peer()), time));
  clock_.advance(10s);
  EXPECT_TRUE(table_.grant(lease_of(peer_), time));
}

}  // namespace
}  // namespace kvp2p
