// What a host takes, and from whom.
#include "libp2p/core/error.h"
#include "libp2p/host/host_fixture.h"

#include <gmock/gmock.h>

namespace libp2p {
namespace {

using boost::asio::ip::tcp;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

tcp::endpoint endpoint_of(const multiformats::Multiaddr& at) {
  const auto endpoint = at.tcp_endpoint().value();
  return {endpoint.address, endpoint.port};
}

AddressRange range(std::string_view text) { return AddressRange::from_text(text).value(); }

TEST_F(HostTest, HandshakesUnderWayAreBounded) {
  HostConfig bounded = config();
  bounded.pending_inbound_max = 2;
  Host& server = add_host(bounded);
  Host& client = add_host();
  const auto bound = listen(server);
  std::vector<tcp::socket> silent;
  for (int i = 0; i < 2; ++i) silent.emplace_back(io_).connect(endpoint_of(bound));
  settle();
  EXPECT_FALSE(run(client.connect(bound)));
  silent.clear();
  settle();
  EXPECT_TRUE(run(client.connect(bound))) << "there is room again";
}

TEST_F(HostTest, ConnectionsAreBounded) {
  HostConfig bounded = config();
  bounded.connections_max = 2;
  Host& server = add_host(bounded);
  const auto bound = listen(server);
  std::vector<std::shared_ptr<Connection>> connections;
  for (int i = 0; i < 2; ++i) connections.push_back(run(add_host().connect(bound)).value());
  const auto one_has_ended = std::make_shared<bool>(false);  // the host outlives this function
  server.on_disconnected([one_has_ended](std::shared_ptr<Connection>) { *one_has_ended = true; });
  run_until([&] { return server.connections().size() == 2; });
  EXPECT_FALSE(run(add_host().connect(bound)));
  Host& another = add_host();
  const auto elsewhere = listen(another);
  EXPECT_EQ(run(server.connect(elsewhere)).error(), Error::kTooManyConnections);
  connections[0]->close();
  run_until([&] { return *one_has_ended; });
  EXPECT_TRUE(run(add_host().connect(bound))) << "there is room again";
}

TEST_F(HostTest, ConnectionsOfOnePeerAreBounded) {
  HostConfig bounded = config();
  bounded.connections_per_peer_max = 3;
  Host& server = add_host(bounded);
  const auto bound = listen(server);
  const HostConfig same = config();
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(run(add_host(same).connect(bound)));
  run_until([&] { return server.connections().size() == 3; });
  Host& more = add_host(same);
  (void)run(more.connect(bound));
  run_until([&] { return more.connections().empty(); });
  EXPECT_THAT(server.connections(), SizeIs(3));
  EXPECT_TRUE(run(add_host().connect(bound))) << "others are welcome";
}

TEST_F(HostTest, ConnectionsFromOneAddressAreBounded) {
  HostConfig bounded = config();
  bounded.inbound_per_network_max = 2;
  Host& server = add_host(bounded);
  const auto bound = listen(server);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(run(add_host().connect(bound)));
  EXPECT_FALSE(run(add_host().connect(bound)));
  const auto six = listen(server, address("/ip6/::1/tcp/0"));
  EXPECT_TRUE(run(add_host().connect(six))) << "from elsewhere";
  Host& dialled = add_host();
  EXPECT_TRUE(run(server.connect(listen(dialled)))) << "our own dials are not inbound";
}

/// Opens streams, each with an echo of one byte, until one is refused.
base::Task<std::vector<NegotiatedStream>> open_until_refused(std::shared_ptr<Connection> connection) {
  constexpr std::size_t kTries = 50;
  std::vector<NegotiatedStream> streams;
  base::Bytes byte(1);
  while (streams.size() < kTries) {
    std::vector<std::string> protocols{std::string(kEcho)};
    auto stream = co_await connection->new_stream(std::move(protocols));
    if (!stream) break;
    auto written = co_await stream->stream->write(byte);
    auto read = co_await read_exact(*stream->stream, byte);
    if (!written || !read) break;
    streams.push_back(std::move(*stream));
  }
  co_return streams;
}

TEST_F(HostTest, StreamsOfOnePeerAreBoundedOverItsConnections) {
  HostConfig bounded = config();
  bounded.streams_per_peer_max = 10;
  bounded.streams_max = 15;
  Host& server = add_host(bounded);
  int identified = 0;
  server.on_identified([&](auto) { ++identified; });
  listen(server);
  const auto connect_quietly = [&](const HostConfig& with) {
    const int before = identified;
    const auto connection = connect(add_host(with), server);
    run_until([&] { return identified > before; });
    settle();  // identify's streams have gone
    return connection;
  };
  const HostConfig same = config();
  auto first = run(open_until_refused(connect_quietly(same)));
  EXPECT_THAT(first, SizeIs(10));
  // There is no stream left for identify.
  EXPECT_THAT(run(open_until_refused(connect(add_host(same), server))), IsEmpty());
  const auto connection = connect_quietly(config());
  auto rest = run(open_until_refused(connection));
  EXPECT_THAT(rest, SizeIs(5)) << "what is left in all";
  first.clear();
  settle();
  EXPECT_THAT(run(open_until_refused(connection)), SizeIs(5)) << "there is room again";
}

TEST_F(HostTest, ADeniedPeerIsNeitherDialledNorLetIn) {
  Host& server = add_host();
  Host& denied = add_host();
  const auto bound = listen(server);
  const auto elsewhere = listen(denied);
  ConnectionGate gate;
  gate.denied_peers = {denied.peer_id()};
  server.set_gate(gate);
  EXPECT_EQ(run(server.connect(denied.peer_id(), {elsewhere})).error(), Error::kDenied);
  EXPECT_EQ(run(server.connect(elsewhere)).error(), Error::kDenied) << "found out by the handshake";
  (void)run(denied.connect(bound));
  run_until([&] { return denied.connections().empty(); });
  EXPECT_THAT(server.connections(), IsEmpty());
  EXPECT_TRUE(run(add_host().connect(bound))) << "others are welcome";
}

TEST_F(HostTest, ADeniedAddressIsNeitherDialledNorLetIn) {
  HostConfig gated = config();
  gated.gate.denied_addresses = {range("127.0.0.0/8")};
  Host& server = add_host(gated);
  Host& other = add_host();
  const auto bound = listen(server);
  EXPECT_EQ(run(server.connect(listen(other))).error(), Error::kDenied);
  EXPECT_FALSE(run(other.connect(bound)));
  const auto six = listen(server, address("/ip6/::1/tcp/0"));
  EXPECT_TRUE(run(other.connect(six)));
}

TEST_F(HostTest, ConnectionsThatAreDeniedNowAreClosed) {
  Host& server = add_host();
  Host& stays = add_host();
  Host& goes = add_host();
  const auto bound = listen(server);
  ASSERT_TRUE(run(stays.connect(bound)));
  ASSERT_TRUE(run(goes.connect(bound)));
  run_until([&] { return server.connections().size() == 2; });
  ConnectionGate gate;
  gate.allowed_peers = {stays.peer_id()};
  server.set_gate(gate);
  EXPECT_THAT(server.peers(), ElementsAre(stays.peer_id()));
  run_until([&] { return goes.connections().empty(); });
  server.set_gate({});
  EXPECT_TRUE(run(goes.connect(bound)));
}

}  // namespace
}  // namespace libp2p
