#include "libp2p/protocols/rendezvous/rendezvous.h"

#include "libp2p/core/error.h"
#include "libp2p/host/host_fixture.h"

namespace libp2p::rendezvous {
namespace {

using namespace std::chrono_literals;

class RendezvousTest : public HostTest {
 protected:
  struct Member {
    multiformats::PrivateKey key = multiformats::PrivateKey::generate();
    Host* host = nullptr;
    std::shared_ptr<Connection> to_point;
  };

  void start_point(Server::Config config = {}) {
    point_ = &add_host();
    listen(*point_);
    server_.emplace(clock_, *point_, std::move(config));
  }
  void TearDown() override {
    server_.reset();
    HostTest::TearDown();
  }
  Member add_member() {
    Member member;
    member.host = &add_host(HostConfig{.key = member.key});
    listen(*member.host);
    member.to_point = connect(*member.host, *point_);
    return member;
  }
  base::Result<std::chrono::seconds> register_one(const Member& member, const std::string& name = "kv") {
    const PeerRecord record{member.host->peer_id(), 1, member.host->addresses()};
    return run(
        register_at(clock_, member.to_point, seal_peer_record(member.key, record, PeerRecordForm::kOlder), name, 2h));
  }
  base::Result<Discovered> discover(const Member& member, base::Bytes cookie = {}) {
    return run(discover_at(clock_, member.to_point, "kv", 100, std::move(cookie)));
  }

  Host* point_ = nullptr;
  std::optional<Server> server_;
};

TEST_F(RendezvousTest, PeersFindEachOtherAtAPointAndConnect) {
  start_point();
  const Member one = add_member(), other = add_member();
  EXPECT_EQ(register_one(one).value(), 2h);
  const auto found = discover(other);
  ASSERT_TRUE(found) << found.error().message();
  ASSERT_EQ(found->peers.size(), 1u);
  EXPECT_EQ(found->peers[0].peer, one.host->peer_id());
  EXPECT_TRUE(run(other.host->connect(found->peers[0].peer, found->peers[0].addresses)));
  EXPECT_TRUE(discover(other, found->cookie)->peers.empty());
}

TEST_F(RendezvousTest, WhoTakesItsNameBackIsFoundNoMore) {
  start_point();
  const Member one = add_member(), other = add_member();
  ASSERT_TRUE(register_one(one));
  ASSERT_TRUE(run(unregister_at(clock_, one.to_point, "kv")));
  EXPECT_TRUE(discover(other)->peers.empty());
  EXPECT_EQ(server_->registrations(), 0u);
}

TEST_F(RendezvousTest, WhoIsNotServedIsTold) {
  start_point({.limits = {}, .serves = [](const multiformats::PeerId&) { return false; }});
  const Member one = add_member();
  EXPECT_EQ(register_one(one).error(), Error::kRefused);
  EXPECT_EQ(discover(one).error(), Error::kRefused);
  EXPECT_EQ(server_->registrations(), 0u);
}

TEST_F(RendezvousTest, ACookieThatIsNotKnownIsRefused) {
  start_point();
  EXPECT_EQ(discover(add_member(), {1, 2, 3}).error(), Error::kRefused);
}

TEST_F(RendezvousTest, AHostThatIsNoPointSaysSo) {
  start_point();
  server_.reset();
  EXPECT_EQ(discover(add_member()).error(), Error::kProtocolNotSupported);
}

TEST_F(RendezvousTest, GarbageEndsTheStreamAndNothingElse) {
  start_point();
  const Member one = add_member();
  const auto send_garbage = [](std::shared_ptr<Connection> point) -> base::Task<base::Result<std::size_t>> {
    std::vector<std::string> protocols{std::string(kProtocol)};
    auto opened = co_await point->new_stream(std::move(protocols));
    if (!opened) co_return opened.error();
    base::Bytes garbage(50, 0xff);
    garbage[0] = 49;
    auto written = co_await opened->stream->write(garbage);
    if (!written) co_return written.error();
    auto count = co_await opened->stream->read_some(garbage);
    co_return count;
  };
  EXPECT_EQ(run(send_garbage(one.to_point)).error(), Error::kReset);
  EXPECT_TRUE(register_one(one));
}

}  // namespace
}  // namespace libp2p::rendezvous
