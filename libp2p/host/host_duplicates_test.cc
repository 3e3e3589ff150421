// More than one connection to a peer, and connections that nobody uses.
#include "libp2p/core/error.h"
#include "libp2p/host/connection_set.h"
#include "libp2p/host/host_fixture.h"

#include <gmock/gmock.h>

namespace libp2p {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;
using ConnectResult = std::optional<base::Result<std::shared_ptr<Connection>>>;

base::Task<> connect_into(Host& from, Host& to, ConnectResult& result) {
  result = co_await from.connect(to.peer_id(), to.addresses());
}

base::Task<> connect_at(Host& from, multiformats::PeerId peer, std::vector<multiformats::Multiaddr> addresses,
                        ConnectResult& result) {
  result = co_await from.connect(peer, std::move(addresses));
}

/// What a test does with streams, over all connections at once.
struct Echoes {
  int begun = 0;
  int ended = 0;
  std::vector<base::Error> failures;
};

base::Task<> echo_on(std::shared_ptr<Connection> connection, Echoes& echoes) {
  auto echoed = co_await send_and_receive(connection, base::Bytes(1000, 7));
  ++echoes.ended;
  if (!echoed) echoes.failures.push_back(echoed.error());
}

class HostDuplicatesTest : public HostTimeTest {
 protected:
  /// Opens streams on every connection that comes up, from both of its ends.
  void use_connections(Host& host, Echoes& echoes) {
    host.on_connected([this, &echoes](std::shared_ptr<Connection> connection) {
      for (int i = 0; i < 3; ++i) {
        ++echoes.begun;
        base::spawn(io_.get_executor(), echo_on(connection, echoes));
      }
    });
  }

  void dial_at_once(Host& one, Host& other) {
    ConnectResult results[2];
    base::spawn(io_.get_executor(), connect_into(one, other, results[0]));
    base::spawn(io_.get_executor(), connect_into(other, one, results[1]));
    run_until([&] { return results[0] && results[1]; });
    for (const auto& result : results) EXPECT_TRUE(*result) << result->error().message();
  }

  /// Lets idle connections be closed, and the goodbyes arrive.
  void pass_idle_time(base::Duration time) {
    for (int i = 0; i < 3; ++i) {
      clock_.advance(time);
      settle();
    }
  }
};

TEST_F(HostDuplicatesTest, OfTwoThatDialAtOnceTheSmallerPeersConnectionStays) {
  Echoes echoes;
  for (int round = 0; round < 20; ++round) {
    Host& one = add_host();
    Host& other = add_host();
    listen(one);
    listen(other);
    use_connections(one, echoes);
    use_connections(other, echoes);
    dial_at_once(one, other);
    run_until(
        [&] { return echoes.ended == echoes.begun && !one.connections().empty() && !other.connections().empty(); });
  }
  settle();
  run_until([&] { return echoes.ended == echoes.begun; });
  EXPECT_THAT(echoes.failures, IsEmpty());
  for (std::size_t i = 0; i < hosts_.size(); i += 2) {
    Host& one = *hosts_[i];
    Host& other = *hosts_[i + 1];
    const auto ours = run(one.connect(other.peer_id(), {})).value();
    const auto theirs = run(other.connect(one.peer_id(), {})).value();
    EXPECT_EQ(ours->is_dialler(), one.peer_id() < other.peer_id());
    EXPECT_EQ(ours->local_address(), theirs->remote_address()) << "the same one on both sides";
  }
  pass_idle_time(kDuplicateGrace);
  for (const auto& host : hosts_) {
    ASSERT_THAT(host->connections(), SizeIs(1));
    EXPECT_FALSE(host->connections()[0]->is_superseded());
    EXPECT_TRUE(run(send_and_receive(host->connections()[0], base::Bytes(10, 1))));
  }
}

TEST_F(HostDuplicatesTest, ADuplicateStaysWhileAStreamIsOpenOnIt) {
  Host& one = add_host();
  Host& other = add_host();
  listen(one);
  listen(other);
  dial_at_once(one, other);
  settle();
  ASSERT_THAT(one.connections(), SizeIs(2));
  std::vector<NegotiatedStream> held;
  for (const auto& connection : one.connections()) {
    held.push_back(run(connection->new_stream({std::string(kEcho)})).value());
  }
  pass_idle_time(kDuplicateGrace);
  EXPECT_THAT(one.connections(), SizeIs(2));
  held.clear();
  pass_idle_time(kDuplicateGrace);
  EXPECT_THAT(one.connections(), SizeIs(1));
  EXPECT_THAT(other.connections(), SizeIs(1));
}

TEST_F(HostDuplicatesTest, ConnectionsMadeOnPurposeStay) {
  Host& one = add_host();
  Host& other = add_host();
  listen(one);
  listen(other);
  connect(one, other);
  settle();
  ConnectOptions options;
  options.force_new = true;
  ASSERT_TRUE(run(one.connect(other.peer_id(), other.addresses(), options)));
  ASSERT_TRUE(run(other.connect(one.peer_id(), one.addresses(), options)));
  settle();
  pass_idle_time(kDuplicateGrace);
  for (const Host* host : {&one, &other}) {
    ASSERT_THAT(host->connections(), SizeIs(3));
    for (const auto& connection : host->connections()) EXPECT_FALSE(connection->is_superseded());
  }
}

TEST_F(HostDuplicatesTest, WhoWaitsForADialTakesTheConnectionThatComesIn) {
  // Nobody answers where they dial; the peers reach them meanwhile.
  boost::asio::ip::tcp::acceptor silent(io_, {boost::asio::ip::address_v4::loopback(), 0});
  const auto bound = silent.local_endpoint();
  const std::vector dead{multiformats::Multiaddr::from_ip_tcp(bound.address(), bound.port())};
  Host& a = add_host();
  Host& b = add_host();
  Host& smaller = a.peer_id() < b.peer_id() ? a : b;
  Host& greater = a.peer_id() < b.peer_id() ? b : a;
  Host& third = add_host();
  listen(greater);
  listen(third);

  ConnectResult with_smaller;
  base::spawn(io_.get_executor(), connect_at(greater, smaller.peer_id(), dead, with_smaller));
  settle();
  connect(smaller, greater);
  run_until([&] { return with_smaller.has_value(); });
  ASSERT_TRUE(*with_smaller) << "at once: this is the one that stays";
  EXPECT_FALSE((**with_smaller)->is_dialler());

  ConnectResult with_third;
  base::spawn(io_.get_executor(), connect_at(third, greater.peer_id(), dead, with_third));
  settle();
  connect(greater, third);
  settle();
  for (int i = 0; i < 2; ++i) {
    clock_.advance(5s);
    settle();
  }
  run_until([&] { return with_third.has_value(); });
  ASSERT_TRUE(*with_third) << "at the latest when the dial has failed";
  EXPECT_FALSE((**with_third)->is_dialler());
}

TEST_F(HostDuplicatesTest, AnIdleConnectionIsClosedIfSoConfigured) {
  constexpr base::Duration kIdle = 10s;  // shorter than what yamux waits for an answer to its ping
  HostConfig closing = config();
  closing.idle_timeout = kIdle;
  Host& server = add_host(closing);
  Host& client = add_host();
  listen(server);
  const auto connection = connect(client, server);
  settle();
  auto stream = run(connection->new_stream({std::string(kEcho)})).value();
  pass_idle_time(kIdle);
  EXPECT_FALSE(connection->is_closed()) << "in use";
  stream.stream.reset();
  settle();
  for (int i = 0; i < 4; ++i) {
    clock_.advance(kIdle / 2);
    EXPECT_TRUE(run(send_and_receive(connection, base::Bytes(10, 1)))) << "in use now and then";
    settle();
  }
  pass_idle_time(kIdle);
  EXPECT_THAT(server.connections(), IsEmpty());
  EXPECT_THAT(client.connections(), IsEmpty());
}

}  // namespace
}  // namespace libp2p
