#include "libp2p/connection_manager/peer_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace libp2p {
namespace {

using namespace std::chrono_literals;
using multiformats::PeerId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

PeerId new_peer() { return PeerId::from_public_key(multiformats::PrivateKey::generate().public_key()); }

constexpr base::TimePoint kNow{std::chrono::hours(1)};

TEST(PeerValuesTest, AValueIsTheSumOfItsTags) {
  PeerValues values;
  const PeerId peer = new_peer();
  EXPECT_EQ(values.value_of(peer, kNow), 0);
  values.set_tag(peer, "a", 5);
  values.set_tag(peer, "b", 7);
  EXPECT_EQ(values.value_of(peer, kNow), 12);
  values.set_tag(peer, "a", 1);
  EXPECT_EQ(values.value_of(peer, kNow), 8);
  values.set_tag(peer, "b", 0);
  EXPECT_EQ(values.value_of(peer, kNow), 1);
}

TEST(PeerValuesTest, UseCountsHalfAfterItsHalfLife) {
  PeerValues values;
  const PeerId peer = new_peer();
  values.add_use(peer, 100, kNow);
  EXPECT_DOUBLE_EQ(values.value_of(peer, kNow), 100);
  EXPECT_DOUBLE_EQ(values.value_of(peer, kNow + kUseHalfLife), 50);
  values.add_use(peer, 10, kNow + kUseHalfLife);
  EXPECT_DOUBLE_EQ(values.value_of(peer, kNow + 2 * kUseHalfLife), 30);
}

TEST(PeerValuesTest, APeerIsProtectedWhileAnybodyProtectsIt) {
  PeerValues values;
  const PeerId peer = new_peer();
  values.protect(peer, "bootstrap");
  values.protect(peer, "relay");
  values.unprotect(peer, "bootstrap");
  EXPECT_TRUE(values.is_protected(peer));
  values.unprotect(peer, "relay");
  EXPECT_FALSE(values.is_protected(peer));
}

TEST(PeerValuesTest, WhatIsRememberedIsBoundedAndTheProtectedStay) {
  PeerValues values;
  const PeerId guarded = new_peer(), useful = new_peer();
  values.protect(guarded, "bootstrap");
  values.set_tag(useful, "kv", 100);
  const auto key = multiformats::PrivateKey::generate().public_key().to_protobuf();
  for (std::size_t i = 0; i < kValuedPeersMax + 10; ++i) {
    // Well-formed ids of nobody: an identity multihash of the key's bytes, counted up.
    base::Bytes id{0x00, static_cast<std::uint8_t>(key.size())};
    base::append(id, key);
    base::store_le32(id.data() + id.size() - 4, static_cast<std::uint32_t>(i));
    values.set_tag(PeerId::from_bytes(id).value(), "seen", 1);
  }
  for (std::size_t i = 0; i < 2 * kTagsPerPeerMax; ++i) values.set_tag(useful, std::to_string(i), 1);
  EXPECT_EQ(values.size(), kValuedPeersMax);
  EXPECT_TRUE(values.is_protected(guarded));
  EXPECT_EQ(values.value_of(useful, kNow), 100 + kTagsPerPeerMax - 1);
}

class ChooseToCloseTest : public ::testing::Test {
 protected:
  ChooseToCloseTest() {
    for (int i = 0; i < 6; ++i) {
      peers_.push_back({new_peer(), 1, kNow - 1min, 1, true});
      values_.set_tag(peers_.back().id, "value", 10 + i);
    }
  }
  std::vector<PeerId> choose() const { return choose_to_close(peers_, values_, marks_, kNow); }
  PeerId id(std::size_t i) const { return peers_[i].id; }

  std::vector<ConnectedPeer> peers_;
  PeerValues values_;
  Watermarks marks_{.high = 5, .low = 3, .grace = 20s};
};

TEST_F(ChooseToCloseTest, TheLeastWorthAreClosedDownToTheLowMark) {
  EXPECT_THAT(choose(), ElementsAre(id(0), id(1), id(2)));
}

TEST_F(ChooseToCloseTest, NoneWhileThereAreNoMoreThanTheHighMark) {
  peers_.pop_back();
  EXPECT_THAT(choose(), IsEmpty());
}

TEST_F(ChooseToCloseTest, ProtectedAndNewPeersAreLeftAlone) {
  values_.protect(id(0), "bootstrap");
  peers_[1].connected_at = kNow - 19s;
  EXPECT_THAT(choose(), ElementsAre(id(2), id(3), id(4)));
  for (auto& peer : peers_) peer.connected_at = kNow;
  EXPECT_THAT(choose(), IsEmpty());
}

TEST_F(ChooseToCloseTest, OfEqualWorthThoseThatWeDidNotDialGoThenThoseWithFewerStreamsThenTheOldest) {
  for (const auto& peer : peers_) values_.set_tag(peer.id, "value", 0);
  peers_[4].is_dialled = false;
  peers_[2].streams = 0;
  peers_[3].connected_at = kNow - 2min;
  EXPECT_THAT(choose(), ElementsAre(id(4), id(2), id(3)));
}

TEST_F(ChooseToCloseTest, APeersConnectionsGoTogether) {
  peers_[0].connections = 4;
  EXPECT_THAT(choose(), ElementsAre(id(0), id(1), id(2)));
  marks_.low = 5;
  EXPECT_THAT(choose(), ElementsAre(id(0)));
}

}  // namespace
}  // namespace libp2p
