// Peers that are silent, greedy or suddenly gone.
#include "libp2p/core/error.h"
#include "libp2p/host/host_fixture.h"
#include "libp2p/protocols/ping/ping.h"

#include <gmock/gmock.h>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>

namespace libp2p {
namespace {

using boost::asio::ip::tcp;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

tcp::endpoint endpoint_of(const multiformats::Multiaddr& at) {
  const auto endpoint = at.tcp_endpoint().value();
  return {endpoint.address, endpoint.port};
}

/// Reads until the other side ends the connection.
base::Task<> read_to_end(tcp::socket& socket, bool& ended) {
  base::Bytes bytes(1000);
  boost::system::error_code error;
  while (!error) {
    co_await socket.async_read_some(boost::asio::buffer(bytes),
                                    boost::asio::redirect_error(boost::asio::use_awaitable, error));
  }
  ended = true;
}

base::Task<> connect_into(Host& host, multiformats::Multiaddr to,
                          std::optional<base::Result<std::shared_ptr<Connection>>>& result) {
  result = co_await host.connect(to);
}

TEST_F(HostTimeTest, AnInboundPeerThatSaysNothingIsDropped) {
  Host& server = add_host();
  const auto bound = listen(server);
  tcp::socket silent(io_);
  silent.connect(endpoint_of(bound));
  bool ended = false;
  base::spawn(io_.get_executor(), read_to_end(silent, ended));
  settle();
  EXPECT_FALSE(ended);
  clock_.advance(10s);
  run_until([&] { return ended; });
}

TEST_F(HostTimeTest, AListenerThatSaysNothingIsADialTimeout) {
  tcp::acceptor silent(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const auto at =
      multiformats::Multiaddr::from_ip_tcp(silent.local_endpoint().address(), silent.local_endpoint().port());
  Host& client = add_host();
  std::optional<base::Result<std::shared_ptr<Connection>>> result;
  base::spawn(io_.get_executor(), connect_into(client, at, result));
  settle();
  EXPECT_FALSE(result);
  clock_.advance(10s);
  run_until([&] { return result.has_value(); });
  EXPECT_EQ(result->error(), Error::kTimeout);
}

TEST_F(HostTimeTest, ClosingEndsADialUnderWay) {
  tcp::acceptor silent(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const auto at =
      multiformats::Multiaddr::from_ip_tcp(silent.local_endpoint().address(), silent.local_endpoint().port());
  Host& client = add_host();
  std::optional<base::Result<std::shared_ptr<Connection>>> result;
  base::spawn(io_.get_executor(), connect_into(client, at, result));
  settle();
  TearDown();  // the host is gone before its caller goes on
  run_until([&] { return result.has_value(); });
  EXPECT_EQ(result->error(), Error::kClosing);
}

TEST_F(HostTimeTest, ClosingEndsAnInboundHandshake) {
  Host& server = add_host();
  const auto bound = listen(server);
  tcp::socket silent(io_);
  silent.connect(endpoint_of(bound));
  settle();
  run(server.close());
  bool ended = false;
  base::spawn(io_.get_executor(), read_to_end(silent, ended));
  run_until([&] { return ended; });
}

TEST_F(HostTest, PingStreamsOfOneConnectionAreBounded) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  const auto connection = connect(client, server);
  std::vector<std::unique_ptr<Stream>> streams;
  for (std::size_t i = 0; i < kPingStreamsPerConnectionMax; ++i) {
    streams.push_back(run(connection->new_stream({std::string(kPingProtocol)})).value().stream);
    ASSERT_TRUE(run(ping_round_trip(clock_, *streams.back(), 10s)));
  }
  EXPECT_FALSE(run(client.ping(connection)));
  streams.clear();
  settle();
  EXPECT_TRUE(run(client.ping(connection))) << "there is room again";
}

/// A session with a host, made by hand, for what a well-behaved host never does.
class RawSession {
 public:
  RawSession(const base::Executor& executor, base::Clock& clock) : transport_(executor, clock), clock_(clock) {
    std::vector<std::unique_ptr<Security>> securities;
    securities.push_back(std::make_unique<noise::NoiseSecurity>(multiformats::PrivateKey::generate(), "/yamux/1.0.0"));
    std::vector<std::unique_ptr<Muxer>> muxers;
    muxers.push_back(std::make_unique<YamuxMuxer>(clock));
    upgrader_ = std::make_unique<ConnectionUpgrader>(executor, clock, std::move(securities), std::move(muxers));
  }

  base::Task<bool> connect(multiformats::Multiaddr to) {
    auto raw = co_await transport_.dial(to, 10s);
    if (!raw) co_return false;
    std::stop_token never;
    auto upgraded = co_await upgrader_->upgrade_outbound(std::move(*raw), std::nullopt, clock_.now() + 10s, never);
    if (upgraded) session_ = upgraded->session;
    co_return upgraded.has_value();
  }

  /// Opens a stream and writes the first byte of a negotiation that never goes on.
  base::Task<std::unique_ptr<Stream>> open_mute_stream() {
    auto stream = co_await session_->open_stream();
    if (!stream) co_return nullptr;
    const base::Bytes begun{19};
    (void)co_await (*stream)->write(begun);
    co_return std::move(*stream);
  }

  MuxedConnection& session() { return *session_; }

 private:
  TcpTransport transport_;
  base::Clock& clock_;
  std::unique_ptr<ConnectionUpgrader> upgrader_;
  std::shared_ptr<MuxedConnection> session_;
};

/// Reads once; whether the stream was reset.
base::Task<> read_once(Stream& stream, std::optional<bool>& was_reset) {
  base::Bytes bytes(100);
  // Identify asks on streams of its own; on this one there is our header at most.
  for (;;) {
    auto count = co_await stream.read_some(bytes);
    if (count && *count > 0) continue;
    was_reset = !count;
    break;
  }
}

TEST_F(HostTimeTest, AStreamThatNeverNamesItsProtocolIsReset) {
  Host& server = add_host();
  const auto bound = listen(server);
  RawSession peer(io_.get_executor(), clock_);
  ASSERT_TRUE(run(peer.connect(bound)));
  auto stream = run(peer.open_mute_stream());
  ASSERT_TRUE(stream);
  std::optional<bool> was_reset;
  base::spawn(io_.get_executor(), read_once(*stream, was_reset));
  settle();
  EXPECT_FALSE(was_reset);
  clock_.advance(10s);
  run_until([&] { return was_reset.has_value(); });
  EXPECT_TRUE(*was_reset);
  peer.session().abort();
}

TEST_F(HostTest, StreamsThatNegotiateAreBounded) {
  Host& server = add_host();
  const auto bound = listen(server);
  RawSession peer(io_.get_executor(), clock_);
  ASSERT_TRUE(run(peer.connect(bound)));
  std::vector<std::unique_ptr<Stream>> streams;
  for (std::size_t i = 0; i < kNegotiatingStreamsMax; ++i) {
    streams.push_back(run(peer.open_mute_stream()));
    ASSERT_TRUE(streams.back());
  }
  auto one_more = run(peer.open_mute_stream());
  ASSERT_TRUE(one_more);
  std::optional<bool> was_reset;
  base::spawn(io_.get_executor(), read_once(*one_more, was_reset));
  run_until([&] { return was_reset.has_value(); });
  EXPECT_TRUE(*was_reset);
  EXPECT_FALSE(peer.session().is_closed());
  peer.session().abort();
}

TEST_F(HostTest, APeerThatVanishesEndsItsStreams) {
  Host& server = add_host();
  const auto bound = listen(server);
  int ended = 0;
  server.on_disconnected([&](auto) { ++ended; });
  RawSession peer(io_.get_executor(), clock_);
  ASSERT_TRUE(run(peer.connect(bound)));
  auto stream = run(peer.open_mute_stream());
  run_until([&] { return server.connections().size() == 1; });
  peer.session().abort();
  run_until([&] { return ended == 1; });
  EXPECT_THAT(server.connections(), IsEmpty());
}

}  // namespace
}  // namespace libp2p
