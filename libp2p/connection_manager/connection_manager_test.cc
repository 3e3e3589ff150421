#include "libp2p/connection_manager/connection_manager.h"

#include "libp2p/host/host_fixture.h"

#include <gmock/gmock.h>

namespace libp2p {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::Not;
using ::testing::SizeIs;

class ConnectionManagerTest : public HostTimeTest {
 protected:
  void TearDown() override {
    manager_.reset();
    HostTimeTest::TearDown();
  }
  void start(std::size_t high, std::size_t low) {
    server_ = &add_host();
    listen(*server_);
    ConnectionManagerConfig config;
    config.marks.high = high;
    config.marks.low = low;
    manager_.emplace(clock_, *server_, config);
  }
  Host& add_client() {
    Host& client = add_host();
    connect(client, *server_);
    settle();
    return client;
  }
  /// In steps, so that keep-alive pings are answered.
  void pass(base::Duration time) {
    for (base::Duration left = time; left > 0s; left -= 10s) {
      clock_.advance(std::min<base::Duration>(left, 10s));
      settle();
    }
  }

  Host* server_ = nullptr;
  std::optional<ConnectionManager> manager_;
};

TEST_F(ConnectionManagerTest, TooManyConnectionsComeDownToTheLowMarkOnceTheyAreNotNewAnyMore) {
  start(4, 2);
  std::vector<Host*> clients;
  for (int i = 0; i < 6; ++i) clients.push_back(&add_client());
  manager_->values().protect(clients[0]->peer_id(), "bootstrap");
  manager_->values().add_use(clients[3]->peer_id(), 10, clock_.now());
  pass(1s);
  EXPECT_THAT(server_->peers(), SizeIs(6));
  pass(30s);
  EXPECT_THAT(server_->peers(), SizeIs(2));
  EXPECT_THAT(server_->peers(), Contains(clients[0]->peer_id()));
  EXPECT_THAT(server_->peers(), Contains(clients[3]->peer_id()));
  EXPECT_EQ(manager_->closed_count(), 4u);
  EXPECT_TRUE(manager_->has_parted_with(clients[1]->peer_id()));
  EXPECT_FALSE(manager_->has_parted_with(clients[3]->peer_id()));
  connect(*clients[1], *server_);
  EXPECT_FALSE(manager_->has_parted_with(clients[1]->peer_id()));
}

TEST_F(ConnectionManagerTest, ANewcomerBringsALookAtOnceWhenTheOthersAreOld) {
  start(2, 1);
  Host& first = add_client();
  Host& second = add_client();
  manager_->values().set_tag(second.peer_id(), "kv", 1);
  pass(35s);
  EXPECT_THAT(server_->peers(), SizeIs(2));
  Host& third = add_client();
  pass(200ms);
  EXPECT_THAT(server_->peers(), Not(Contains(first.peer_id())));
  EXPECT_THAT(server_->peers(), Contains(third.peer_id()));
}

TEST_F(ConnectionManagerTest, StoppedItClosesNothing) {
  start(1, 0);
  add_client();
  add_client();
  manager_->stop();
  pass(5min);
  EXPECT_THAT(server_->peers(), SizeIs(2));
}

TEST_F(ConnectionManagerTest, TheHostMayOutliveIt) {
  start(1, 0);
  add_client();
  manager_.reset();
  add_client();
  pass(5min);
  EXPECT_THAT(server_->peers(), SizeIs(2));
}

}  // namespace
}  // namespace libp2p
