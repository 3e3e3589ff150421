// Two hosts that mean well, over loopback TCP.
#include "libp2p/core/error.h"
#include "libp2p/host/host_fixture.h"
#include "libp2p/protocols/identify/identify_protocol.h"
#include "libp2p/protocols/perf/perf.h"
#include "libp2p/protocols/ping/ping.h"

#include <gmock/gmock.h>

namespace libp2p {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class HostAddressTest : public HostTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(HostAddressTest, AStreamCarriesBytesBothWays) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server, address(GetParam()));
  const auto connection = connect(client, server);
  EXPECT_EQ(connection->remote_peer(), server.peer_id());
  EXPECT_TRUE(connection->is_dialler());
  EXPECT_TRUE(connection->muxer_by_handshake()) << "noise carries it";
  EXPECT_EQ(connection->remote_address(), server.addresses()[0]);
  const base::Bytes bytes(200'000, 42);
  EXPECT_EQ(run(send_and_receive(connection, bytes)).value(), bytes);
}

INSTANTIATE_TEST_SUITE_P(Loopback, HostAddressTest, ::testing::Values("/ip4/127.0.0.1/tcp/0", "/ip6/::1/tcp/0"));

TEST_F(HostTest, TheListenerSeesWhoDialled) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  std::shared_ptr<Connection> inbound;
  server.on_connected([&](auto connection) { inbound = connection; });
  const auto outbound = connect(client, server);
  run_until([&] { return inbound != nullptr; });
  EXPECT_EQ(inbound->remote_peer(), client.peer_id());
  EXPECT_FALSE(inbound->is_dialler());
  EXPECT_EQ(inbound->remote_address(), outbound->local_address());
  // The side that was dialled opens streams just as well.
  const base::Bytes bytes(100, 1);
  EXPECT_EQ(run(send_and_receive(inbound, bytes)).value(), bytes);
}

TEST_F(HostTest, ManyStreamsShareAConnection) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  const auto connection = connect(client, server);
  for (int i = 0; i < 300; ++i) {
    const base::Bytes bytes(100, static_cast<std::uint8_t>(i));
    ASSERT_EQ(run(send_and_receive(connection, bytes)).value(), bytes);
  }
  EXPECT_THAT(server.connections(), SizeIs(1));
}

TEST_F(HostTest, AProtocolThatIsNotServedIsRefused) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  const auto connection = connect(client, server);
  EXPECT_EQ(run(connection->new_stream({"/nobody/serves/this"})).error(), Error::kProtocolNotSupported);
  EXPECT_FALSE(connection->is_closed());
  EXPECT_EQ(run(connection->new_stream({"/nobody/serves/this", std::string(kEcho)})).value().protocol, kEcho);
}

TEST_F(HostTest, PingGoesBothWays) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  const auto outbound = connect(client, server);
  run_until([&] { return server.connections().size() == 1; });
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(run(client.ping(outbound)));
    EXPECT_TRUE(run(server.ping(server.connections()[0])));
  }
}

TEST_F(HostTest, PerfIsServedOnRequest) {
  HostConfig server_config = config();
  server_config.serve_perf = true;
  Host& server = add_host(server_config);
  Host& client = add_host();
  listen(server);
  auto stream = run(connect(client, server)->new_stream({std::string(kPerfProtocol)})).value().stream;
  EXPECT_TRUE(run(measure_perf(clock_, std::move(stream), 3'000'000, 2'000'000)));
  run_until([&] { return server.connections().size() == 1; });
  EXPECT_EQ(run(server.connections()[0]->new_stream({std::string(kPerfProtocol)})).error(),
            Error::kProtocolNotSupported);
}

TEST_F(HostTest, IdentifyTellsBothSidesOfEachOther) {
  HostConfig server_config = config();
  server_config.agent_version = "server/1";
  server_config.external_addresses = {address("/ip4/192.0.2.1/tcp/4001")};
  Host& server = add_host(server_config);
  Host& client = add_host();
  const auto bound = listen(server);
  int identified = 0;
  server.on_identified([&](auto) { ++identified; });
  client.on_identified([&](auto) { ++identified; });
  const auto connection = connect(client, server);
  run_until([&] { return identified == 2; });

  const auto of_server = client.peer_info(server.peer_id());
  ASSERT_TRUE(of_server);
  EXPECT_EQ(of_server->agent_version, "server/1");
  EXPECT_THAT(of_server->protocols,
              IsSupersetOf({std::string(kEcho), std::string(kPingProtocol), std::string(kIdentifyProtocol)}));
  EXPECT_THAT(of_server->listen_addresses, ElementsAre(bound, address("/ip4/192.0.2.1/tcp/4001")));
  EXPECT_EQ(of_server->observed_address, connection->local_address());
  const auto of_client = server.peer_info(client.peer_id());
  ASSERT_TRUE(of_client);
  EXPECT_THAT(of_client->listen_addresses, IsEmpty());
  EXPECT_EQ(of_client->observed_address, bound);
}

TEST_F(HostTest, WhatIdentifyToldIsForgottenWithTheConnection) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  const auto connection = connect(client, server);
  run_until([&] { return client.peer_info(server.peer_id()).has_value(); });
  connection->close();
  run_until([&] { return !client.peer_info(server.peer_id()); });
}

TEST_F(HostTest, ASecondConnectReusesTheConnection) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  const auto first = connect(client, server);
  EXPECT_EQ(connect(client, server), first);
  EXPECT_EQ(run(client.connect(server.addresses()[0].with_peer(server.peer_id()).value())).value(), first);
  EXPECT_EQ(run(client.connect(server.peer_id(), {})).value(), first) << "no address is needed";
}

TEST_F(HostTest, ASecondConnectionIsMadeOnPurpose) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  const auto first = connect(client, server);
  ConnectOptions options;
  options.force_new = true;
  const auto second = run(client.connect(server.peer_id(), server.addresses(), options)).value();
  EXPECT_NE(first, second);
  run_until([&] { return server.connections().size() == 2; });
  EXPECT_THAT(server.peers(), ElementsAre(client.peer_id()));
  EXPECT_THAT(client.connections(), UnorderedElementsAre(first, second));
  EXPECT_THAT(client.connections_to(server.peer_id()), UnorderedElementsAre(first, second));
  EXPECT_TRUE(client.connections_to(client.peer_id()).empty());
  for (const auto& connection : {first, second}) EXPECT_TRUE(run(send_and_receive(connection, base::Bytes(10, 1))));
  EXPECT_EQ(connect(client, server), first) << "the older one, when nothing is said";
}

TEST_F(HostTest, DisconnectEndsAllConnectionsToAPeer) {
  Host& server = add_host();
  Host& other = add_host();
  Host& client = add_host();
  listen(server);
  listen(other);
  connect(client, other);
  connect(client, server);
  ConnectOptions options;
  options.force_new = true;
  ASSERT_TRUE(run(client.connect(server.peer_id(), server.addresses(), options)));
  client.disconnect(server.peer_id());
  EXPECT_THAT(client.peers(), ElementsAre(other.peer_id()));
  run_until([&] { return server.connections().empty(); });
}

TEST_F(HostTest, TheListenerReusesTheConnectionToo) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  connect(client, server);
  run_until([&] { return server.connections().size() == 1; });
  EXPECT_EQ(run(server.connect(client.peer_id(), {})).value(), server.connections()[0]);
}

TEST_F(HostTest, AnUnspecifiedAddressIsToldAsThoseOfTheInterfaces) {
  Host& host = add_host();
  const auto bound = listen(host, address("/ip4/0.0.0.0/tcp/0"));
  const auto port = bound.tcp_endpoint()->port;
  EXPECT_THAT(host.addresses(), Contains(address("/ip4/127.0.0.1/tcp/" + std::to_string(port))));
  EXPECT_THAT(host.addresses(), Not(Contains(bound)));
}

TEST_F(HostTest, OneHostListensOnSeveralAddresses) {
  Host& server = add_host();
  const auto four = listen(server, address("/ip4/0.0.0.0/tcp/0"));
  const auto port = std::to_string(four.tcp_endpoint()->port);
  listen(server, address("/ip6/::/tcp/" + port));
  const auto third = listen(server);
  const auto at_four = address("/ip4/127.0.0.1/tcp/" + port);
  const auto at_six = address("/ip6/::1/tcp/" + port);
  EXPECT_THAT(server.addresses(), IsSupersetOf({at_four, at_six, third}));
  for (const auto& each : {at_four, at_six, third}) {
    const auto connection = run(add_host().connect(each.with_peer(server.peer_id()).value()));
    ASSERT_TRUE(connection) << each.to_text();
    EXPECT_EQ((*connection)->remote_address(), each);
  }
}

TEST_F(HostTest, AnAddressThatCannotBeListenedOnLeavesTheOthers) {
  Host& server = add_host();
  Host& other = add_host();
  const auto bound = listen(server);
  EXPECT_EQ(other.listen(bound).error(), boost::asio::error::address_in_use);
  EXPECT_EQ(server.listen(address("/ip4/192.0.2.1/tcp/0")).error(),
            boost::asio::error::make_error_code(boost::asio::error::basic_errors(EADDRNOTAVAIL)));
  EXPECT_THAT(server.addresses(), ElementsAre(bound));
  EXPECT_TRUE(run(other.connect(bound)));
}

TEST_F(HostTest, BothSidesLearnThatAConnectionHasEnded) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  int ended = 0;
  server.on_disconnected([&](auto) { ++ended; });
  client.on_disconnected([&](auto) { ++ended; });
  const auto connection = connect(client, server);
  run_until([&] { return server.connections().size() == 1; });
  connection->close();
  EXPECT_TRUE(connection->is_closed());
  EXPECT_THAT(client.connections(), IsEmpty());
  run_until([&] { return ended == 2; });
  EXPECT_THAT(server.connections(), IsEmpty());
  EXPECT_EQ(run(connection->new_stream({std::string(kEcho)})).error(), Error::kConnectionClosed);
}

TEST_F(HostTest, AConnectionMayBeHeldLongerThanItsHost) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  const auto connection = connect(client, server);
  TearDown();
  EXPECT_TRUE(connection->is_closed());
  connection->close();
  EXPECT_EQ(run(connection->new_stream({std::string(kEcho)})).error(), Error::kConnectionClosed);
}

TEST_F(HostTest, ClosingEndsStreamsThatAreOpen) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  const auto connection = connect(client, server);
  auto idle = run(connection->new_stream({std::string(kEcho)})).value().stream;
  auto reading = run(connection->new_stream({std::string(kEcho)})).value().stream;
  std::optional<base::Result<std::size_t>> read;
  struct Reader {
    static base::Task<> run(Stream& stream, std::optional<base::Result<std::size_t>>& result) {
      base::Bytes bytes(10);
      result = co_await stream.read_some(bytes);
    }
  };
  base::spawn(io_.get_executor(), Reader::run(*reading, read));
  run(server.close());
  run_until([&] { return read.has_value(); });
  EXPECT_TRUE(!*read || **read == 0);
  run_until([&] { return client.connections().empty(); });
}

TEST_F(HostTest, ClosedHostsRefuse) {
  Host& server = add_host();
  Host& client = add_host();
  const auto bound = listen(server);
  run(client.close());
  run(client.close());
  EXPECT_EQ(run(client.connect(bound)).error(), Error::kClosing);
  EXPECT_EQ(client.listen(loopback()).error(), Error::kClosing);
}

TEST_F(HostTest, AnnouncedAddressesAreToldUntilOthersTakeTheirPlace) {
  Host& server = add_host();
  listen(server);
  Host& client = add_host();
  const auto connection = connect(client, server);
  const auto first = address("/ip4/192.0.2.1/tcp/1"), second = address("/ip4/192.0.2.2/tcp/2");
  const auto tells = [&](const multiformats::Multiaddr& each) {
    const auto info = client.peer_info(server.peer_id());
    return info && std::ranges::find(info->listen_addresses, each) != info->listen_addresses.end();
  };
  server.announce("test", {first});
  run_until([&] { return tells(first); });
  server.announce("another", {second});
  run_until([&] { return tells(first) && tells(second); });
  server.announce("test", {});
  run_until([&] { return !tells(first) && tells(second); });
}

}  // namespace
}  // namespace libp2p
