#include "libp2p/host/connection_set.h"

#include "libp2p/testing/fake_session.h"
#include "multiformats/numbered_peer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace libp2p {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr auto peer = multiformats::testing::numbered_peer;

/// We are peer 5.
class ConnectionSetTest : public ::testing::Test {
 protected:
  std::shared_ptr<HostConnection> make(std::uint8_t number, bool is_dialler, std::string_view address = {}) {
    UpgradedConnection upgraded;
    if (!address.empty()) upgraded.remote_address = multiformats::Multiaddr::from_text(address).value();
    upgraded.session = std::make_shared<testing::FakeSession>();
    upgraded.remote_peer = peer(number);
    upgraded.is_dialler = is_dialler;
    sessions_.push_back(std::static_pointer_cast<testing::FakeSession>(upgraded.session));
    return std::make_shared<HostConnection>(std::move(upgraded), nullptr, tasks_, clock_, base::Duration());
  }

  ConnectionOrigin begin(bool on_purpose = false) { return {set_.next_moment(), on_purpose}; }

  /// A connection that comes about while nothing else does.
  std::shared_ptr<HostConnection> add(std::uint8_t number, bool is_dialler = true) {
    const ConnectionOrigin origin = begin();
    set_.add(make(number, is_dialler), origin);
    return std::static_pointer_cast<HostConnection>(set_.open_to(peer(number)).back());
  }

  /// Our dial to the peer and its dial to us, at once; `first_up` says whether ours is up first. Ours, and theirs.
  std::pair<std::shared_ptr<HostConnection>, std::shared_ptr<HostConnection>> add_pair(std::uint8_t number,
                                                                                       bool first_up,
                                                                                       bool on_purpose = false) {
    const auto ours = make(number, true);
    const auto theirs = make(number, false);
    const ConnectionOrigin our_origin = begin(on_purpose);
    const ConnectionOrigin their_origin = begin();
    if (first_up) set_.add(ours, our_origin);
    set_.add(theirs, their_origin);
    if (!first_up) set_.add(ours, our_origin);
    return {ours, theirs};
  }

  boost::asio::io_context io_;
  base::ManualClock clock_;
  TaskGroup tasks_{io_.get_executor()};
  ConnectionSet set_{peer(5), {.connections_max = 10, .per_peer_max = 3, .streams_max = 10, .streams_per_peer_max = 5}};
  std::vector<std::shared_ptr<testing::FakeSession>> sessions_;
};

TEST_F(ConnectionSetTest, TheOldestThatTakesStreamsServes) {
  const auto first = add(1);
  const auto second = add(1);
  EXPECT_EQ(set_.find(peer(1)), first);
  EXPECT_EQ(set_.find(peer(2)), nullptr);
  sessions_[0]->goes_away = true;
  EXPECT_EQ(set_.find(peer(1)), second);
  EXPECT_THAT(set_.open_to(peer(1)), SizeIs(2)) << "streams may be open on it";
  sessions_[1]->abort();
  EXPECT_EQ(set_.find(peer(1)), nullptr);
  EXPECT_THAT(set_.open(), ElementsAre(first));
  sessions_[0]->abort();
  EXPECT_THAT(set_.peers(), SizeIs(0));
}

TEST_F(ConnectionSetTest, ConnectionsAreBoundedUntilTheyAreRemoved) {
  std::vector<std::shared_ptr<HostConnection>> connections;
  for (int i = 0; i < 3; ++i) connections.push_back(add(1));
  EXPECT_FALSE(set_.may_add(peer(1)));
  EXPECT_TRUE(set_.may_add(peer(2)));
  sessions_[0]->abort();
  EXPECT_FALSE(set_.may_add(peer(1))) << "it is still there";
  set_.remove(connections[0]);
  EXPECT_TRUE(set_.may_add(peer(1)));
  for (std::uint8_t i = 10; i < 18; ++i) add(i);
  EXPECT_FALSE(set_.may_add(peer(2)));
  EXPECT_FALSE(set_.has_room());
  set_.remove(connections[1]);
  EXPECT_TRUE(set_.has_room());
  EXPECT_FALSE(set_.has_room(1));
}

TEST_F(ConnectionSetTest, OfDuplicatesTheOneThatTheSmallerPeerDialledStays) {
  for (const bool first_up : {true, false}) {
    const std::uint8_t smaller = first_up ? 1 : 2;
    const std::uint8_t greater = first_up ? 8 : 9;
    const auto with_smaller = add_pair(smaller, first_up);
    EXPECT_TRUE(with_smaller.first->is_superseded());
    EXPECT_FALSE(with_smaller.second->is_superseded());
    EXPECT_EQ(set_.find(peer(smaller)), with_smaller.second);
    const auto with_greater = add_pair(greater, first_up);
    EXPECT_FALSE(with_greater.first->is_superseded());
    EXPECT_TRUE(with_greater.second->is_superseded());
    EXPECT_EQ(set_.find(peer(greater)), with_greater.first);
  }
}

TEST_F(ConnectionSetTest, WhoHasDialledTheDuplicateClosesItWhenIdle) {
  const auto [ours, theirs] = add_pair(1, true);
  sessions_[0]->streams = 1;
  for (int i = 0; i < 5; ++i) clock_.advance(kDuplicateGrace);
  EXPECT_FALSE(ours->is_closed());
  sessions_[0]->streams = 0;
  clock_.advance(kDuplicateGrace);
  EXPECT_FALSE(ours->is_closed());
  clock_.advance(kDuplicateGrace);
  EXPECT_TRUE(ours->is_closed());
  EXPECT_FALSE(theirs->is_closed());

  const auto [ours_stays, theirs_goes] = add_pair(9, true);
  for (int i = 0; i < 5; ++i) clock_.advance(kDuplicateGrace);
  EXPECT_FALSE(ours_stays->is_closed());
  EXPECT_FALSE(theirs_goes->is_closed()) << "its dialler closes it";
}

TEST_F(ConnectionSetTest, ADuplicateServesIfNothingElseDoes) {
  const auto [ours, theirs] = add_pair(1, true);
  sessions_[1]->abort();
  EXPECT_EQ(set_.find(peer(1)), ours);
}

TEST_F(ConnectionSetTest, OneAfterTheOtherTheyAreNoDuplicates) {
  const auto ours = add(1, true);
  const auto theirs = add(1, false);
  const auto ours_again = add(1, true);
  for (const auto& each : {ours, theirs, ours_again}) EXPECT_FALSE(each->is_superseded());
}

TEST_F(ConnectionSetTest, AConnectionOnPurposeIsNoDuplicate) {
  const auto [ours, theirs] = add_pair(1, true, true);
  EXPECT_FALSE(ours->is_superseded());
  EXPECT_FALSE(theirs->is_superseded());
}

TEST_F(ConnectionSetTest, OneThroughARelayGivesWayToOneWithout) {
  for (const bool relayed_first : {true, false}) {
    const std::uint8_t number = relayed_first ? 1 : 2;
    const auto relayed = make(number, true, "/p2p-circuit");
    const auto direct = make(number, false, "/ip4/192.0.2.1/tcp/1");
    for (const auto& each : {relayed_first ? relayed : direct, relayed_first ? direct : relayed}) {
      set_.add(each, begin());
    }
    EXPECT_TRUE(relayed->is_superseded());
    EXPECT_FALSE(direct->is_superseded());
    EXPECT_EQ(set_.find(peer(number)), direct);
    EXPECT_FALSE(relayed->is_closed());
    clock_.advance(2 * kDuplicateGrace);
    EXPECT_TRUE(relayed->is_closed());
    EXPECT_FALSE(direct->is_closed());
  }
}

}  // namespace
}  // namespace libp2p
