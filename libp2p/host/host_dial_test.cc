// Dialling, over loopback TCP.
#include "libp2p/core/error.h"
#include "libp2p/host/dial_race.h"
#include "libp2p/host/host_fixture.h"

#include <gmock/gmock.h>

namespace libp2p {
namespace {

using boost::asio::ip::tcp;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;
using ConnectResult = std::optional<base::Result<std::shared_ptr<Connection>>>;

base::Task<> connect_into(Host& from, multiformats::PeerId peer, std::vector<multiformats::Multiaddr> addresses,
                          ConnectResult& result) {
  result = co_await from.connect(peer, std::move(addresses));
}

/// Accepts connections in the kernel and says nothing.
class SilentListener {
 public:
  explicit SilentListener(boost::asio::io_context& io)
      : acceptor_(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {}
  multiformats::Multiaddr address() const {
    const auto bound = acceptor_.local_endpoint();
    return multiformats::Multiaddr::from_ip_tcp(bound.address(), bound.port());
  }

 private:
  tcp::acceptor acceptor_;
};

multiformats::PeerId somebody() {
  return multiformats::PeerId::from_public_key(multiformats::PrivateKey::generate().public_key());
}

TEST_F(HostTest, CallsAtOnceShareOneDial) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  int results = 0;
  std::vector<std::shared_ptr<Connection>> connections;
  struct Caller {
    static base::Task<> call(Host& from, Host& to, std::vector<std::shared_ptr<Connection>>& into, int& count) {
      auto connection = co_await from.connect(to.peer_id(), to.addresses());
      if (connection) into.push_back(*connection);
      ++count;
    }
  };
  for (int i = 0; i < 5; ++i) base::spawn(io_.get_executor(), Caller::call(client, server, connections, results));
  run_until([&] { return results == 5; });
  ASSERT_THAT(connections, SizeIs(5));
  EXPECT_THAT(connections, ::testing::Each(connections[0]));
}

TEST_F(HostTest, AddressesAreTriedInTurn) {
  Host& server = add_host();
  Host& client = add_host();
  const auto bound = listen(server);
  // A listener that is gone: nobody answers there.
  Host& gone = add_host();
  const auto dead = listen(gone);
  run(gone.close());
  const std::vector<multiformats::Multiaddr> addresses{dead, bound};
  EXPECT_TRUE(run(client.connect(server.peer_id(), addresses)));
}

TEST_F(HostTest, AnAddressWithoutAPeerLeadsToWhoeverIsThere) {
  Host& server = add_host();
  Host& client = add_host();
  EXPECT_EQ(run(client.connect(listen(server))).value()->remote_peer(), server.peer_id());
}

TEST_F(HostTest, TheWrongPeerIsRefused) {
  Host& server = add_host();
  Host& client = add_host();
  Host& another = add_host();
  const auto bound = listen(server);
  EXPECT_EQ(run(client.connect(another.peer_id(), {bound.with_peer(server.peer_id()).value()})).error(),
            Error::kPeerIdMismatch)
      << "the address itself names another";
  EXPECT_EQ(run(client.connect(another.peer_id(), {bound})).error(), Error::kPeerIdMismatch);
  EXPECT_EQ(run(client.connect(bound.with_peer(another.peer_id()).value())).error(), Error::kPeerIdMismatch);
  EXPECT_THAT(client.connections(), IsEmpty());
  settle();
  EXPECT_THAT(server.connections(), IsEmpty());
}

TEST_F(HostTest, NobodyDialsThemselves) {
  Host& host = add_host();
  const auto bound = listen(host);
  EXPECT_EQ(run(host.connect(host.peer_id(), {bound})).error(), Error::kDialToSelf);
  EXPECT_EQ(run(host.connect(bound)).error(), Error::kDialToSelf);
  settle();
  EXPECT_THAT(host.connections(), IsEmpty());
}

TEST_F(HostTest, AddressesThatCannotBeUsedAreErrors) {
  Host& host = add_host();
  const auto peer = multiformats::PeerId::from_public_key(config().key.public_key());
  EXPECT_EQ(run(host.connect(peer, {})).error(), Error::kNotConnected);
  EXPECT_EQ(run(host.connect(peer, {address("/ip4/127.0.0.1/udp/1")})).error(), Error::kUnsupportedAddress);
  EXPECT_EQ(host.listen(address("/ip4/127.0.0.1/udp/1")).error(), Error::kUnsupportedAddress);
}

TEST_F(HostTest, AHostNameIsLookedUp) {
  Host& server = add_host();
  Host& client = add_host();
  const auto port = std::to_string(listen(server).tcp_endpoint()->port);
  const auto connection = run(client.connect(server.peer_id(), {address("/dns4/localhost/tcp/" + port)}));
  ASSERT_TRUE(connection) << connection.error().message();
  EXPECT_EQ((*connection)->remote_address(), address("/ip4/127.0.0.1/tcp/" + port));
  const auto named = address("/dns/localhost/tcp/" + port).with_peer(server.peer_id()).value();
  EXPECT_TRUE(run(add_host().connect(named)));
}

/// Knows one name, and leaves questions for others unanswered.
class OneNameResolver final : public Resolver {
 public:
  OneNameResolver(const base::Executor& executor, std::string name, std::string text)
      : stopped_(executor), name_(std::move(name)), text_(std::move(text)) {}

  base::Task<base::Result<std::vector<boost::asio::ip::address>>> resolve_addresses(std::string, IpFamily,
                                                                                    std::stop_token stop) override {
    co_await wait(stop);
    co_return Error::kClosing;
  }
  base::Task<base::Result<std::vector<std::string>>> resolve_texts(std::string name, std::stop_token stop) override {
    if (name == name_) co_return std::vector<std::string>{text_};
    co_await wait(stop);
    co_return Error::kClosing;
  }

 private:
  base::Task<> wait(std::stop_token stop) {
    const std::stop_callback on_stop(stop, [this] { stopped_.notify_all(); });
    while (!stop.stop_requested()) co_await stopped_.wait();
  }

  base::Signal stopped_;
  std::string name_;
  std::string text_;
};

class HostNameTest : public HostTimeTest {
 protected:
  /// A host for which the dnsaddr name "example" leads to `at`.
  Host& add_client(const multiformats::Multiaddr& at) {
    const HostConfig with = config();
    HostParts made = parts(with);
    made.resolver =
        std::make_unique<OneNameResolver>(io_.get_executor(), "_dnsaddr.example", "dnsaddr=" + at.to_text());
    return add_host(with, std::move(made));
  }
};

TEST_F(HostNameTest, ADnsaddrLeadsToThePeerThatItNames) {
  Host& server = add_host();
  Host& client = add_client(listen(server).with_peer(server.peer_id()).value());
  EXPECT_EQ(run(client.connect(somebody(), {address("/dnsaddr/example")})).error(), Error::kPeerIdMismatch);
  const auto wanted = address("/dnsaddr/example").with_peer(server.peer_id()).value();
  EXPECT_TRUE(run(client.connect(wanted)));
  EXPECT_EQ(run(client.connect(address("/dnsaddr/example").with_peer(somebody()).value())).error(),
            Error::kNameNotFound);
}

TEST_F(HostNameTest, ANameThatIsNotAnsweredHoldsNothingUp) {
  Host& server = add_host();
  const auto bound = listen(server);
  Host& client = add_client(bound);
  EXPECT_TRUE(run(client.connect(server.peer_id(), {address("/dns4/other.example/tcp/1"), bound})));
}

TEST_F(HostNameTest, ANameThatIsNotAnsweredIsGivenUpInTime) {
  Host& client = add_client(loopback());
  const auto peer = somebody();
  const auto name = address("/dns4/other.example/tcp/1");
  ConnectResult result;
  base::spawn(io_.get_executor(), connect_into(client, peer, {name}, result));
  settle();
  EXPECT_FALSE(result);
  clock_.advance(10s);
  run_until([&] { return result.has_value(); });
  EXPECT_EQ(result->error(), Error::kTimeout);
  EXPECT_EQ(run(client.connect(peer, {name})).error(), Error::kDialBackoff);
}

TEST_F(HostTimeTest, ASilentAddressHoldsUpTheNextOneOnlyShortly) {
  SilentListener silent(io_);
  Host& server = add_host();
  Host& client = add_host();
  const auto bound = listen(server);
  ConnectResult result;
  std::vector<multiformats::Multiaddr> addresses{silent.address(), bound};
  base::spawn(io_.get_executor(), connect_into(client, server.peer_id(), addresses, result));
  settle();
  EXPECT_FALSE(result);
  clock_.advance(kDialAttemptDelay);
  run_until([&] { return result.has_value(); });
  EXPECT_TRUE(*result) << result->error().message();
}

TEST_F(HostTimeTest, WhereDiallingHasFailedItIsNotTriedAgainAtOnce) {
  Host& client = add_host();
  Host& gone = add_host();
  const auto dead = listen(gone);
  run(gone.close());
  const auto peer = somebody();
  EXPECT_FALSE(client.backoff_until(peer));
  const auto refused = run(client.connect(peer, {dead})).error();
  EXPECT_EQ(refused, boost::asio::error::connection_refused);
  EXPECT_EQ(run(client.connect(peer, {dead})).error(), Error::kDialBackoff);
  EXPECT_EQ(client.backoff_until(peer), clock_.now() + kDialBackoffBase);
  // Who insists, dials.
  EXPECT_EQ(run(client.connect(dead.with_peer(peer).value())).error(), refused);
  ConnectOptions options;
  options.force_new = true;
  EXPECT_EQ(run(client.connect(peer, {dead}, options)).error(), refused);
  // Another address may lead to the peer.
  Host& server = add_host();
  EXPECT_EQ(run(client.connect(peer, {dead, listen(server)})).error(), Error::kPeerIdMismatch);
  clock_.advance(kDialBackoffMax);
  EXPECT_EQ(run(client.connect(peer, {dead})).error(), refused);
}

TEST_F(HostTimeTest, AnAddressThatLostTheRaceHasNotFailed) {
  SilentListener silent(io_);
  Host& server = add_host();
  Host& client = add_host();
  const auto bound = listen(server);
  ConnectResult result;
  std::vector<multiformats::Multiaddr> addresses{silent.address(), bound};
  base::spawn(io_.get_executor(), connect_into(client, server.peer_id(), addresses, result));
  settle();
  clock_.advance(kDialAttemptDelay);
  run_until([&] { return result.has_value(); });
  settle();
  EXPECT_FALSE(client.backoff_until(server.peer_id()));
}

TEST_F(HostTimeTest, DialsUnderWayAreBounded) {
  SilentListener silent(io_);
  HostConfig bounded = config();
  bounded.dial_attempts_max = 1;
  Host& client = add_host(bounded);
  Host& server = add_host();
  const auto bound = listen(server);
  ConnectResult held_up, waiting;
  base::spawn(io_.get_executor(), connect_into(client, somebody(), {silent.address()}, held_up));
  settle();
  clock_.advance(1s);
  base::spawn(io_.get_executor(), connect_into(client, server.peer_id(), {bound}, waiting));
  settle();
  EXPECT_FALSE(held_up || waiting);
  clock_.advance(9s);
  run_until([&] { return held_up && waiting; });
  EXPECT_EQ(held_up->error(), Error::kTimeout);
  EXPECT_TRUE(*waiting) << waiting->error().message();
}

TEST_F(HostTimeTest, WaitingForAPlaceTakesNoLongerThanADial) {
  SilentListener silent(io_);
  HostConfig bounded = config();
  bounded.dial_attempts_max = 0;
  Host& client = add_host(bounded);
  ConnectResult result;
  base::spawn(io_.get_executor(), connect_into(client, somebody(), {silent.address()}, result));
  settle();
  clock_.advance(10s);
  run_until([&] { return result.has_value(); });
  EXPECT_EQ(result->error(), Error::kTimeout);
}

}  // namespace
}  // namespace libp2p
