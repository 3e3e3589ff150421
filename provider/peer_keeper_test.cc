#include "provider/peer_keeper.h"

#include "base/testing/captured_log.h"
#include "libp2p/core/error.h"
#include "libp2p/host/host_fixture.h"
#include "provider/error.h"
#include "wire/limits.h"

#include <gmock/gmock.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using libp2p::Host;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PeerKeeperTest : public libp2p::HostTimeTest {
 protected:
  PeerKeeperTest() {
    std::string pattern = (fs::temp_directory_path() / "kvp2p-peer-keeper-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    config_.mdns = false;
  }
  ~PeerKeeperTest() override { fs::remove_all(folder_); }
  void TearDown() override {
    stop();
    libp2p::HostTimeTest::TearDown();
  }
  void stop() {
    if (!keeper_) return;
    keeper_->stop();
    run(client_->close());
    run_until([this] { return keeper_->running() == 0; });
    keeper_.reset();
  }
  base::Result<> start() {
    keeper_.emplace(io_.get_executor(), clock_, *client_, config_, [this] { return kv_peers_; });
    return keeper_->start();
  }
  fs::path write(const std::string& name, const std::string& content) const {
    EXPECT_TRUE(base::write_small_file(folder_ / name, content, 0600));
    return folder_ / name;
  }
  Host& add_kv_server() {
    Host& server = add_host();
    server.set_stream_handler(std::string(wire::kProtocolId), libp2p::echo);
    listen(server);
    return server;
  }
  static std::string address_of(Host& host) {
    return host.addresses().front().with_peer(host.peer_id()).value().to_text() + "\n";
  }
  void pass(base::Duration time) {
    for (base::Duration left = time; left > 0s; left -= 1s) {
      clock_.advance(std::min<base::Duration>(left, 1s));
      settle();
    }
  }

  fs::path folder_;
  const multiformats::PrivateKey client_key_ = multiformats::PrivateKey::generate();
  Host* client_ = &add_host(libp2p::HostConfig{.key = client_key_});
  PeerKeeperConfig config_;
  std::vector<KvPeer> kv_peers_;
  std::optional<PeerKeeper> keeper_;
};

TEST_F(PeerKeeperTest, ThePeersOfAFileAreConnectedToAndProtectedAndTheFileIsFollowed) {
  Host& one = add_kv_server();
  Host& other = add_kv_server();
  config_.peer_file = write("peers", "# nobody yet\n");
  ASSERT_TRUE(start());
  EXPECT_THAT(client_->peers(), IsEmpty());
  write("peers", address_of(one));
  pass(2s);
  EXPECT_THAT(client_->peers(), Contains(one.peer_id()));
  EXPECT_TRUE(keeper_->values().is_protected(one.peer_id()));
  write("peers", address_of(one) + address_of(other));
  keeper_->reload();
  settle();
  EXPECT_THAT(client_->peers(), Contains(other.peer_id()));
}

TEST_F(PeerKeeperTest, AFileThatTurnsBadChangesNothingAndIsToldByItsLine) {
  Host& one = add_kv_server();
  config_.deny_file = write("deny", "# nobody\n");
  ASSERT_TRUE(start());
  write("deny", one.peer_id().to_text() + "\n");
  pass(2s);
  EXPECT_EQ(run(client_->connect(one.peer_id(), one.addresses())).error(), libp2p::Error::kDenied);
  base::testing::CapturedLog log;
  write("deny", "#\nsomebody\n");
  pass(3s);
  EXPECT_THAT(log.text(), HasSubstr((folder_ / "deny").string() + ":2:"));
  EXPECT_EQ(run(client_->connect(one.peer_id(), one.addresses())).error(), libp2p::Error::kDenied);
  write("deny", "");
  pass(2s);
  EXPECT_TRUE(run(client_->connect(one.peer_id(), one.addresses())));
}

TEST_F(PeerKeeperTest, WhoIsNotInTheListOfThoseAllowedIsNotTalkedTo) {
  Host& one = add_kv_server();
  Host& other = add_kv_server();
  config_.allow_file = write("allow", one.peer_id().to_text() + "\n");
  ASSERT_TRUE(start());
  connect(*client_, one);
  EXPECT_EQ(run(client_->connect(other.peer_id(), other.addresses())).error(), libp2p::Error::kDenied);
  write("allow", "# nobody at all\n");
  pass(2s);
  EXPECT_THAT(client_->peers(), IsEmpty()) << "those that are connected are parted with";
  EXPECT_EQ(run(client_->connect(one.peer_id(), one.addresses())).error(), libp2p::Error::kDenied);
}

TEST_F(PeerKeeperTest, AnEmptyListOfThoseAllowedAllowsNobodyFromTheStart) {
  Host& one = add_kv_server();
  config_.allow_file = write("allow", "");
  ASSERT_TRUE(start());
  EXPECT_EQ(run(client_->connect(one.peer_id(), one.addresses())).error(), libp2p::Error::kDenied);
}

TEST_F(PeerKeeperTest, AListThatCannotBeReadAtTheStartIsAnError) {
  config_.allow_file = write("allow", "everybody\n");
  EXPECT_EQ(start().error(), NodeError::kBadListFile);
  keeper_.reset();
  config_.allow_file = folder_ / "none";
  EXPECT_EQ(start().error(), NodeError::kBadListFile);
}

TEST_F(PeerKeeperTest, AKvPeerThatIsLostIsComeBackTo) {
  Host& server = add_kv_server();
  ASSERT_TRUE(start());
  connect(*client_, server);
  pass(kWorthComingBack + 1s);
  server.disconnect(client_->peer_id());
  settle();
  EXPECT_THAT(client_->peers(), IsEmpty());
  pass(3s);
  EXPECT_THAT(client_->peers(), Contains(server.peer_id()));
}

TEST_F(PeerKeeperTest, OneThatGoesAgainAtOnceIsLeftAlone) {
  Host& server = add_kv_server();
  ASSERT_TRUE(start());
  connect(*client_, server);
  settle();
  server.disconnect(client_->peer_id());
  pass(10s);
  EXPECT_THAT(client_->peers(), IsEmpty());
}

TEST_F(PeerKeeperTest, PeersThatWereKnownAreGoneBackToAtTheNextStart) {
  Host& server = add_kv_server();
  config_.known_peers_file = folder_ / "known";
  ASSERT_TRUE(start());
  connect(*client_, server);
  settle();
  stop();
  client_ = &add_host();
  ASSERT_TRUE(start());
  pass(3s);
  EXPECT_THAT(client_->peers(), Contains(server.peer_id()));
}

TEST_F(PeerKeeperTest, ThePeersThatANamedPeerTellsOfAreConnectedTo) {
  Host& point = add_kv_server();
  Host& other = add_kv_server();
  libp2p::rendezvous::Server server(clock_, point, {});
  const auto key = multiformats::PrivateKey::generate();
  Host& registered = add_host(libp2p::HostConfig{.key = key});
  listen(registered);
  const libp2p::PeerRecord record{registered.peer_id(), 1, registered.addresses()};
  ASSERT_TRUE(run(libp2p::rendezvous::register_at(
      clock_, connect(registered, point), seal_peer_record(key, record, libp2p::PeerRecordForm::kOlder), "kv", 2h)));
  config_.bootstrap_peers = {
      *multiformats::Multiaddr::from_text(address_of(point).substr(0, address_of(point).size() - 1))};
  config_.key = client_key_;
  config_.rendezvous_name = "kv";
  listen(*client_);
  ASSERT_TRUE(start());
  pass(2s);
  EXPECT_THAT(client_->peers(), Contains(registered.peer_id()));
  EXPECT_THAT(client_->peers(), Not(Contains(other.peer_id())));
  EXPECT_EQ(server.registrations(), 2u);
  stop();
}

TEST_F(PeerKeeperTest, TrafficIsWhatKeepsAPeerWhenThereAreTooMany) {
  config_.marks.high = 2;
  config_.marks.low = 2;
  Host& busy = add_kv_server();
  Host& idle = add_kv_server();
  ASSERT_TRUE(start());
  connect(*client_, busy);
  connect(*client_, idle);
  for (Host* each : {&busy, &idle}) kv_peers_.push_back({each->peer_id(), 1, 0, {}, 0});
  kv_peers_[0].payload_bytes = 100 << 20;
  pass(kPeersLookInterval + 25s);
  EXPECT_GT(keeper_->values().value_of(busy.peer_id(), clock_.now()),
            keeper_->values().value_of(idle.peer_id(), clock_.now()));
  Host& third = add_kv_server();
  connect(*client_, third);
  pass(1s);
  EXPECT_THAT(client_->peers(), Contains(busy.peer_id()));
  EXPECT_THAT(client_->peers(), Not(Contains(idle.peer_id())));
}

}  // namespace
}  // namespace kvp2p
