// Whole hosts, on loopback: one of them relays.
#include "libp2p/core/error.h"
#include "libp2p/protocols/relay/testing/relay_fixture.h"

#include <algorithm>

namespace libp2p::relay {
namespace {

using namespace std::chrono_literals;
using multiformats::Multiaddr;

bool has(const std::vector<Multiaddr>& addresses, const Multiaddr& address) {
  return std::ranges::find(addresses, address) != addresses.end();
}

std::shared_ptr<Connection> connection_between(const Host& host, const Host& peer, bool relayed) {
  for (const auto& each : host.connections()) {
    if (each->remote_peer() == peer.peer_id() && is_relayed(*each) == relayed) return each;
  }
  return nullptr;
}

TEST_F(RelayTest, APeerIsReachedThroughARelay) {
  Host& relay = add_relay();
  Host& target = add_node();
  reserve(target, add_client(target), relay);
  Host& from = add_node();
  add_client(from);

  const auto connection = connect_through(relay, from, target);
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->remote_peer(), target.peer_id());
  EXPECT_TRUE(is_relayed(*connection));
  EXPECT_TRUE(connection->is_limited());
  const base::Bytes bytes(10'000, 7);
  EXPECT_EQ(run(send_and_receive(connection, bytes)).value(), bytes);

  const auto inbound = connection_between(target, from, true);
  ASSERT_TRUE(inbound);
  EXPECT_FALSE(inbound->is_dialler());
  EXPECT_TRUE(inbound->is_limited());
  EXPECT_EQ(servers_.front()->stats().circuits, 1u);
  EXPECT_EQ(servers_.front()->stats().reservations, 1u);
}

TEST_F(RelayTest, ItsAddressIsAnnouncedWhileThereIsAReservation) {
  Host& relay = add_relay();
  Host& target = add_node();
  Host& friend_of_target = add_node();
  const auto connection = run(friend_of_target.connect(target.peer_id(), target.addresses()));
  ASSERT_TRUE(connection);
  const auto told = [&] {
    const auto info = friend_of_target.peer_info(target.peer_id());
    return info && has(info->listen_addresses, circuit(relay));
  };
  Client& client = add_client(target);
  reserve(target, client, relay);
  EXPECT_TRUE(has(target.addresses(), circuit(relay)));
  run_until(told);

  relay.disconnect(target.peer_id());
  run_until([&] { return !has(target.addresses(), circuit(relay)); });
  run_until([&] { return !told(); });
  // It asks again by itself.
  run_until(told);
  EXPECT_TRUE(client.relays().front().has_reservation);
}

TEST_F(RelayTest, ARelayWithoutLimitsMakesConnectionsWithoutLimits) {
  Host& relay = add_relay(unlimited_circuits());
  Host& target = add_node();
  Client& client = add_client(target);
  reserve(target, client, relay);
  EXPECT_TRUE(client.relays().front().is_unlimited);
  Host& from = add_node();
  add_client(from);
  const auto connection = connect_through(relay, from, target);
  ASSERT_TRUE(connection);
  EXPECT_FALSE(connection->is_limited());
  EXPECT_TRUE(is_relayed(*connection));
  for (int i = 0; i < 8; ++i) {
    const base::Bytes bytes(200'000, static_cast<std::uint8_t>(i));
    EXPECT_EQ(run(send_and_receive(connection, bytes)).value(), bytes);
  }
}

TEST_F(RelayTest, BytesBeyondTheLimitEndTheConnection) {
  ServerLimits limits;
  limits.circuit_bytes = 64 * 1024;
  Host& relay = add_relay(limits);
  Host& target = add_node();
  reserve(target, add_client(target), relay);
  Host& from = add_node();
  add_client(from);
  const auto connection = connect_through(relay, from, target);
  ASSERT_TRUE(connection);
  EXPECT_FALSE(run(send_and_receive(connection, base::Bytes(100'000))));
  run_until([&] { return connection->is_closed() && servers_.front()->stats().circuits == 0; });
}

TEST_F(RelayTest, ADirectConnectionTakesThePlaceOfARelayedOne) {
  Host& relay = add_relay();
  Host& target = add_node();
  reserve(target, add_client(target), relay);
  Host& from = add_node();
  add_client(from);
  const auto relayed = connect_through(relay, from, target);
  ASSERT_TRUE(relayed);
  ConnectOptions options;
  options.force_new = true;
  std::vector<Multiaddr> addresses;
  for (const Multiaddr& each : target.addresses()) {
    if (each.tcp_endpoint()) addresses.push_back(each);
  }
  const auto direct = run(from.connect(target.peer_id(), addresses, options));
  ASSERT_TRUE(direct) << direct.error().message();
  EXPECT_FALSE(is_relayed(**direct));
  EXPECT_TRUE(relayed->is_superseded());
  EXPECT_FALSE((*direct)->is_superseded());
  EXPECT_EQ(run(from.connect(target.peer_id(), {})).value(), *direct);
  run_until([&] { return connection_between(target, from, false) != nullptr; });
  const auto inbound = connection_between(target, from, true);
  EXPECT_TRUE(inbound == nullptr || inbound->is_superseded());
}

TEST_F(RelayTest, WhoHasNoReservationIsNotReached) {
  Host& relay = add_relay();
  Host& target = add_node();
  Host& from = add_node();
  add_client(from);
  EXPECT_EQ(run(from.connect(circuit(relay, target))).error(), Errc::kNoReservation);
}

TEST_F(RelayTest, AReservationEndsWithItsConnection) {
  Host& relay = add_relay();
  Host& target = add_node();
  reserve(target, add_client(target), relay);
  run(clients_.front()->close());
  target.disconnect(relay.peer_id());
  run_until([&] { return servers_.front()->stats().reservations == 0; });
}

TEST_F(RelayTest, ANodeThatIsNoRelayIsToldApart) {
  Host& not_a_relay = add_node();
  Host& from = add_node();
  Client& client = add_client(from);
  ASSERT_TRUE(from.listen(circuit(not_a_relay)));
  run_until([&] { return client.relays().front().failure == Error::kProtocolNotSupported; });
  EXPECT_EQ(run(from.connect(circuit(not_a_relay, add_node()))).error(), Error::kProtocolNotSupported);
}

base::Task<bool> is(multiformats::PeerId peer, multiformats::PeerId known) {
  co_await base::yield_now();
  co_return peer == known;
}

TEST_F(RelayTest, OnlyThoseWhomItServesAreServed) {
  Host& host = add_node();
  ServerConfig config{.key = last_key_};
  Host& known = add_node();
  config.serves = [id = known.peer_id()](multiformats::PeerId peer) { return is(peer, id); };
  servers_.push_back(Server::create(io_.get_executor(), clock_, host, std::move(config)).value());
  Host& stranger = add_node();
  Client& client = add_client(stranger);
  ASSERT_TRUE(stranger.listen(circuit(host)));
  run_until([&] { return client.relays().front().failure == Errc::kPermissionDenied; });
  reserve(known, add_client(known), host);
  EXPECT_EQ(run(stranger.connect(circuit(host, known))).error(), Errc::kPermissionDenied);
}

TEST_F(RelayTest, ACircuitOverACircuitIsRefused) {
  // The target of one relay is a relay itself, and is asked to be one over the circuit.
  Host& relay = add_relay();
  Host& second = add_relay();
  reserve(second, add_client(second), relay);
  Host& from = add_node();
  Client& client = add_client(from);
  ASSERT_TRUE(connect_through(relay, from, second));
  ASSERT_TRUE(from.listen(address("/p2p/" + second.peer_id().to_text() + "/p2p-circuit")));
  run_until([&] { return client.relays().front().failure == Errc::kRelayIsRelayed; });
}

TEST_F(RelayTest, ARelayIsListenedAtOnce) {
  Host& relay = add_relay();
  Host& target = add_node();
  add_client(target);
  EXPECT_TRUE(target.listen(circuit(relay)));
  EXPECT_FALSE(target.listen(circuit(relay)));
  EXPECT_FALSE(target.listen(address("/p2p-circuit")));
}

TEST_F(RelayTest, CircuitsEndWithTheRelay) {
  Host& relay = add_relay(unlimited_circuits());
  Host& target = add_node();
  reserve(target, add_client(target), relay);
  Host& from = add_node();
  add_client(from);
  const auto connection = connect_through(relay, from, target);
  ASSERT_TRUE(connection);
  run(servers_.front()->close());
  run_until([&] { return connection->is_closed(); });
}

TEST_F(RelayTimeTest, AReservationIsRenewedInTime) {
  ServerLimits limits;
  limits.reservation_time = 1h;
  Host& relay = add_relay(limits);
  Host& target = add_node();
  Client& client = add_client(target);
  reserve(target, client, relay);
  for (int quarter = 0; quarter < 8; ++quarter) {
    clock_.advance(15min);
    settle();
    EXPECT_TRUE(client.relays().front().has_reservation);
    EXPECT_EQ(servers_.front()->stats().reservations, 1u) << quarter;
  }
}

TEST_F(RelayTimeTest, TimeEndsACircuit) {
  Host& relay = add_relay();
  Host& target = add_node();
  reserve(target, add_client(target), relay);
  Host& from = add_node();
  add_client(from);
  const auto connection = connect_through(relay, from, target);
  ASSERT_TRUE(connection);
  settle();
  clock_.advance(2min);
  run_until([&] { return connection->is_closed(); });
}

}  // namespace
}  // namespace libp2p::relay
