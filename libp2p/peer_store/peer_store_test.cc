#include "libp2p/peer_store/peer_store.h"

#include "libp2p/records/peer_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace libp2p {
namespace {

using namespace std::chrono_literals;
using multiformats::Multiaddr;
using multiformats::PeerId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr UnixTime kNow{1'764'500'000s};

Multiaddr address(int port) { return Multiaddr::from_text("/ip4/192.0.2.7/tcp/" + std::to_string(port)).value(); }
PeerId id_of(const multiformats::PrivateKey& key) { return PeerId::from_public_key(key.public_key()); }
PeerId new_peer() { return id_of(multiformats::PrivateKey::generate()); }

class PeerStoreTest : public ::testing::Test {
 protected:
  void add(const PeerId& peer, const Multiaddr& where, AddressSource source, UnixTime now = kNow) {
    store_.add_addresses(peer, std::span(&where, 1), source, now);
  }
  PeerStore store_{{.peers_max = 3, .addresses_per_peer_max = 3, .protocols_per_peer_max = 2}};
  const PeerId peer_ = new_peer();
};

TEST_F(PeerStoreTest, WhatADialHasLedToComesFirstThenWhatThePeerSaysThenWhatOthersSay) {
  add(peer_, address(1), AddressSource::kHeard);
  add(peer_, address(2), AddressSource::kDialled);
  add(peer_, address(3), AddressSource::kIdentified);
  EXPECT_THAT(store_.addresses_of(peer_, kNow), ElementsAre(address(2), address(3), address(1)));
}

TEST_F(PeerStoreTest, AnAddressIsForgottenWhenItsTimeIsOver) {
  add(peer_, address(1), AddressSource::kHeard);
  add(peer_, address(2), AddressSource::kDialled);
  const UnixTime later = kNow + address_lifetime(AddressSource::kHeard);
  EXPECT_THAT(store_.addresses_of(peer_, later), ElementsAre(address(2)));
  store_.expire(later);
  EXPECT_THAT(store_.find(peer_)->addresses, SizeIs(1));
  store_.expire(kNow + address_lifetime(AddressSource::kDialled));
  EXPECT_EQ(store_.find(peer_), nullptr);
}

TEST_F(PeerStoreTest, HearingAgainProlongsAndNeverTakesAway) {
  add(peer_, address(1), AddressSource::kDialled);
  add(peer_, address(1), AddressSource::kHeard, kNow + 1h);
  EXPECT_EQ(store_.find(peer_)->addresses[0].source, AddressSource::kDialled);
  EXPECT_EQ(store_.find(peer_)->addresses[0].expires, kNow + address_lifetime(AddressSource::kDialled));
}

TEST_F(PeerStoreTest, TheLeastTrustworthyAddressGivesWay) {
  add(peer_, address(1), AddressSource::kHeard);
  add(peer_, address(2), AddressSource::kHeard, kNow + 1s);
  add(peer_, address(3), AddressSource::kHeard, kNow + 2s);
  add(peer_, address(4), AddressSource::kSigned);
  EXPECT_THAT(store_.addresses_of(peer_, kNow), ElementsAre(address(4), address(3), address(2)));
}

TEST_F(PeerStoreTest, AddressesOfSomebodyElseAreLeftOut) {
  add(peer_, address(1).with_peer(new_peer()).value(), AddressSource::kHeard);
  EXPECT_EQ(store_.find(peer_), nullptr);
  add(peer_, address(1).with_peer(peer_).value(), AddressSource::kHeard);
  EXPECT_THAT(store_.addresses_of(peer_, kNow), ElementsAre(address(1)));
  store_.add_addresses(PeerId(), std::vector{address(1)}, AddressSource::kHeard, kNow);
  EXPECT_EQ(store_.size(), 1u);
}

TEST_F(PeerStoreTest, WhatIdentifyTellsReplacesWhatItToldBefore) {
  store_.identified(peer_, std::vector{address(1)}, std::vector<std::string>{"/a", "/b", "/c"}, kNow);
  EXPECT_THAT(store_.find(peer_)->protocols, ElementsAre("/a", "/b"));
  store_.identified(peer_, std::vector{address(2)}, std::vector<std::string>{"/d"}, kNow);
  EXPECT_THAT(store_.find(peer_)->protocols, ElementsAre("/d"));
  EXPECT_THAT(store_.addresses_of(peer_, kNow), ElementsAre(address(2)));
}

TEST_F(PeerStoreTest, PeersThatWereNeverConnectedGiveWayFirstThenThoseSeenLongestAgo) {
  const std::vector<PeerId> peers{new_peer(), new_peer(), new_peer(), new_peer(), new_peer()};
  store_.seen(peers[0], address(1), kNow);
  store_.seen(peers[1], address(1), kNow + 1s);
  add(peers[2], address(1), AddressSource::kHeard);
  store_.seen(peers[3], address(1), kNow + 2s);
  EXPECT_EQ(store_.find(peers[2]), nullptr);
  store_.seen(peers[4], address(1), kNow + 3s);
  EXPECT_EQ(store_.find(peers[0]), nullptr);
  EXPECT_EQ(store_.size(), 3u);
}

TEST_F(PeerStoreTest, OnlyANewerRecordOfThePeersOwnIsTaken) {
  const auto key = multiformats::PrivateKey::generate();
  const PeerId signer = id_of(key);
  const auto sealed = [&](std::uint64_t seq, int port) {
    return seal_peer_record(key, PeerRecord{signer, seq, {address(port)}});
  };
  EXPECT_FALSE(store_.add_signed_record(peer_, sealed(5, 1), kNow));
  EXPECT_TRUE(store_.add_signed_record(signer, sealed(5, 1), kNow));
  EXPECT_FALSE(store_.add_signed_record(signer, sealed(5, 2), kNow));
  EXPECT_FALSE(store_.add_signed_record(signer, sealed(4, 3), kNow));
  base::Bytes forged = sealed(7, 4);
  forged.back() ^= 1;
  EXPECT_FALSE(store_.add_signed_record(signer, forged, kNow));
  EXPECT_THAT(store_.addresses_of(signer, kNow), ElementsAre(address(1)));
  EXPECT_TRUE(store_.add_signed_record(signer, sealed(6, 5), kNow));
  EXPECT_THAT(store_.addresses_of(signer, kNow), ElementsAre(address(5)));
  EXPECT_EQ(store_.find(signer)->record_seq, 6u);
}

TEST_F(PeerStoreTest, PeersToComeBackToAreThoseThatServeAndCanBeDialled) {
  const std::vector<std::string> protocols{"/kv"};
  const PeerId earlier = new_peer(), other = new_peer();
  store_.identified(earlier, std::vector{address(1)}, protocols, kNow);
  store_.identified(peer_, std::vector{address(1)}, protocols, kNow + 1s);
  store_.identified(other, std::vector{address(1)}, std::vector<std::string>{"/else"}, kNow + 2s);
  EXPECT_THAT(store_.last_seen_serving("/kv", 10, kNow), ElementsAre(peer_, earlier));
  EXPECT_THAT(store_.last_seen_serving("/kv", 1, kNow), ElementsAre(peer_));
  EXPECT_THAT(store_.last_seen_serving("/kv", 10, kNow + 365 * 24h), IsEmpty());
}

}  // namespace
}  // namespace libp2p
