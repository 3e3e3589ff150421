// What the tests of relays share.
#pragma once

#include "libp2p/host/host_fixture.h"
#include "libp2p/protocols/relay/circuit_address.h"
#include "libp2p/protocols/relay/client.h"
#include "libp2p/protocols/relay/server.h"

namespace libp2p::relay {

/// A relay, and nodes that use it, on one thread.
template <class TestClock>
class RelayFixture : public HostFixture<TestClock> {
 protected:
  using Base = HostFixture<TestClock>;

  void TearDown() override {
    for (auto& client : clients_) this->run(client->close());
    for (auto& server : servers_) this->run(server->close());
    Base::TearDown();
    clients_.clear();
    servers_.clear();
  }

  /// Listens on loopback.
  Host& add_node() {
    HostConfig config = this->config();
    last_key_ = config.key;
    HostParts parts = this->parts(config);
    // Time passes in leaps here: what is pinged meanwhile cannot answer.
    YamuxConfig yamux;
    yamux.keep_alive = std::chrono::hours(1000);
    parts.muxers.front() = std::make_unique<YamuxMuxer>(this->clock_, yamux);
    Host& host = this->add_host(std::move(config), std::move(parts));
    this->listen(host);
    return host;
  }
  Client& add_client(Host& host, ClientConfig config = {}) {
    return *clients_.emplace_back(Client::create(this->io_.get_executor(), this->clock_, host, std::move(config)));
  }
  Server& add_server(Host& host, ServerLimits limits = {}) {
    ServerConfig config{.key = last_key_, .limits = limits};
    auto server = Server::create(this->io_.get_executor(), this->clock_, host, std::move(config));
    return *servers_.emplace_back(std::move(server.value()));
  }
  /// A relay that is a host of its own.
  Host& add_relay(ServerLimits limits = {}) {
    Host& host = add_node();
    add_server(host, limits);
    return host;
  }

  static multiformats::Multiaddr circuit(const Host& relay) {
    return make_circuit_address(relay.addresses().front(), relay.peer_id()).value();
  }
  static multiformats::Multiaddr circuit(const Host& relay, const Host& target) {
    return circuit(relay).with_peer(target.peer_id()).value();
  }

  /// Has `host` listen at the relay, until it has its reservation.
  void reserve(Host& host, Client& client, const Host& relay) {
    ASSERT_TRUE(host.listen(circuit(relay)));
    wait_for_reservation(client);
  }
  void wait_for_reservation(Client& client) {
    this->run_until([&] {
      const auto relays = client.relays();
      return !relays.empty() && relays.front().has_reservation;
    });
  }

  /// A connection from `from` to `to` by way of the relay.
  std::shared_ptr<Connection> connect_through(const Host& relay, Host& from, const Host& to) {
    auto connection = this->run(from.connect(circuit(relay, to)));
    EXPECT_TRUE(connection) << connection.error().message();
    return connection ? *connection : nullptr;
  }

  /// The key of the node that was added last.
  multiformats::PrivateKey last_key_ = multiformats::PrivateKey::generate();
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Server>> servers_;
};

using RelayTest = RelayFixture<base::SystemClock>;
using RelayTimeTest = RelayFixture<base::ManualClock>;

}  // namespace libp2p::relay
