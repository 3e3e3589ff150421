#include "provider/bootstrap.h"

#include "libp2p/core/error.h"
#include "libp2p/host/host_fixture.h"

#include <gmock/gmock.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using libp2p::Host;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;

TEST(RetryPauseTest, DoublesUpToItsLastWithChanceInIt) {
  double chance = 1;
  RetryPause pause(1s, 5s);
  const Chance source = [&chance] { return chance; };
  EXPECT_EQ(pause.next(source), 1s);
  EXPECT_EQ(pause.next(source), 2s);
  chance = 0;
  EXPECT_EQ(pause.next(source), 2s);
  EXPECT_EQ(pause.next(source), 2500ms);
  EXPECT_EQ(pause.next(source), 2500ms);
  chance = 0.5;
  EXPECT_EQ(pause.next(source), 3750ms);
  pause.reset();
  EXPECT_EQ(pause.next(source), 750ms);
}

class BootstrapTest : public libp2p::HostTimeTest {
 protected:
  void TearDown() override {
    if (bootstrap_) {
      bootstrap_->stop();
      for (auto& host : hosts_) run(host->close());
      run_until([this] { return bootstrap_->running() == 0; });
    }
    libp2p::HostTimeTest::TearDown();
  }
  void start() {
    client_ = &add_host();
    bootstrap_.emplace(
        io_.get_executor(), clock_, *client_, [] { return 1.0; },
        [this](const multiformats::PeerId& peer) { named_.push_back(peer); });
  }
  Host& add_server() {
    Host& server = add_host();
    listen(server);
    return server;
  }
  static multiformats::Multiaddr address_of(Host& host) {
    return host.addresses().front().with_peer(host.peer_id()).value();
  }
  void pass(base::Duration time) {
    for (base::Duration left = time; left > 0s; left -= 1s) {
      clock_.advance(std::min<base::Duration>(left, 1s));
      settle();
    }
  }

  Host* client_ = nullptr;
  std::optional<Bootstrap> bootstrap_;
  std::vector<multiformats::PeerId> named_;
};

TEST_F(BootstrapTest, APeerThatIsNamedIsDialledAgainWhenItIsLost) {
  start();
  Host& server = add_server();
  bootstrap_->start({address_of(server)});
  settle();
  EXPECT_THAT(client_->peers(), Contains(server.peer_id()));
  EXPECT_THAT(named_, Contains(server.peer_id()));
  server.disconnect(client_->peer_id());
  settle();
  EXPECT_THAT(client_->peers(), IsEmpty());
  pass(3s);
  EXPECT_THAT(client_->peers(), Contains(server.peer_id()));
}

TEST_F(BootstrapTest, AListThatChangesIsFollowed) {
  start();
  Host& one = add_server();
  Host& other = add_server();
  bootstrap_->set_listed({address_of(one), address_of(one)});
  settle();
  EXPECT_EQ(bootstrap_->running(), 1u);
  bootstrap_->set_listed({address_of(other)});
  settle();
  EXPECT_EQ(bootstrap_->running(), 1u);
  EXPECT_THAT(client_->peers(), AllOf(Contains(one.peer_id()), Contains(other.peer_id()))) << "nobody is parted with";
  one.disconnect(client_->peer_id());
  other.disconnect(client_->peer_id());
  pass(5s);
  EXPECT_THAT(client_->peers(), ::testing::ElementsAre(other.peer_id()));
}

TEST_F(BootstrapTest, WhatWasNamedForGoodStaysWhateverTheListSays) {
  start();
  Host& server = add_server();
  bootstrap_->start({address_of(server)});
  bootstrap_->set_listed({address_of(server)});
  bootstrap_->set_listed({});
  settle();
  EXPECT_EQ(bootstrap_->running(), 1u);
}

TEST_F(BootstrapTest, AKnownPeerIsComeBackToAtMostAFewTimes) {
  start();
  Host& server = add_server();
  int asked = 0;
  bootstrap_->go_to(server.peer_id(), [&] {
    ++asked;
    return Bootstrap::Addresses{libp2p::address("/ip4/127.0.0.1/tcp/1")};
  });
  bootstrap_->go_to(server.peer_id(), [] { return Bootstrap::Addresses(); });
  EXPECT_EQ(bootstrap_->running(), 1u) << "it is being tried already";
  pass(200s);
  EXPECT_EQ(bootstrap_->running(), 0u);
  EXPECT_THAT(asked, AllOf(Ge(1), Le(kKnownPeerTries)));
  bootstrap_->go_to(server.peer_id(), [&] { return server.addresses(); });
  pass(3s);
  EXPECT_THAT(client_->peers(), Contains(server.peer_id()));
  EXPECT_EQ(bootstrap_->running(), 0u);
}

TEST_F(BootstrapTest, PeersBeyondTheBoundAreLeftOut) {
  start();
  Bootstrap::Addresses many;
  for (std::size_t i = 0; i < kRedialsMax + 5; ++i) {
    many.push_back(libp2p::address("/ip4/127.0.0.1/tcp/" + std::to_string(1 + i)));
  }
  bootstrap_->start(many);
  EXPECT_LE(bootstrap_->running(), kRedialsMax);
}

}  // namespace
}  // namespace kvp2p
