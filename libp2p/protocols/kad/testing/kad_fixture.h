// Hosts with Kademlia on a network in memory and a clock moved by hand, for tests.
#pragma once

#include "libp2p/host/host_fixture.h"
#include "libp2p/protocols/kad/kademlia.h"
#include "libp2p/testing/memory_transport.h"

#include <functional>
#include <memory>
#include <vector>

namespace libp2p::kad::testing {

class KadFixture : public HostFixture<base::ManualClock> {
 protected:
  struct Node {
    Host* host = nullptr;
    multiformats::Multiaddr address;
    std::unique_ptr<Kademlia> kad = nullptr;
    multiformats::PeerId id() const { return host->peer_id(); }
    multiformats::Multiaddr full_address() const { return address.with_peer(id()).value(); }
  };

  void TearDown() override {
    for (auto& node : nodes_) {
      if (node->kad) run(node->kad->close());
    }
    // Destroyed before their hosts; what the hosts' events hold of them is weak.
    for (auto& node : nodes_) node->kad.reset();
    HostFixture::TearDown();
  }

  /// A host on the network, without Kademlia: for tests to play a peer by hand.
  Node& add_plain() {
    HostConfig host_config = config();
    HostParts parts;
    parts.transports.push_back(std::make_unique<libp2p::testing::MemoryTransport>(network_));
    parts.muxers.push_back(std::make_unique<YamuxMuxer>(clock_));
    parts.securities.push_back(std::make_unique<noise::NoiseSecurity>(host_config.key, "/yamux/1.0.0"));
    Host& host = add_host(std::move(host_config), std::move(parts));
    nodes_.push_back(std::make_unique<Node>(Node{&host, host.listen(address("/ip4/10.0.0.1/tcp/0")).value()}));
    return *nodes_.back();
  }
  Node& add_node(Mode mode = Mode::kServer, const std::function<void(Config&)>& change = {}) {
    Node& node = add_plain();
    Config kad_config;
    kad_config.mode = mode;
    kad_config.seed = nodes_.size();
    if (change) change(kad_config);
    node.kad = Kademlia::create(io_.get_executor(), clock_, *node.host, kad_config).value();
    return node;
  }
  /// So many servers that know each other by the first one.
  void add_nodes(std::size_t count, const std::function<void(Config&)>& change = {}) {
    for (std::size_t i = 0; i < count; ++i) {
      Node& node = add_node(Mode::kServer, change);
      if (i > 0) node.kad->add_address(nodes_[0]->id(), {nodes_[0]->address});
      poll();
    }
    pass(std::chrono::minutes(1));
  }
  std::shared_ptr<Connection> connect(Node& from, Node& to) {
    auto connection = HostFixture::run(from.host->connect(to.id(), {to.address})).value();
    poll();
    return connection;
  }
  /// Runs the task, letting time pass as long as it waits for it.
  template <class T>
  T finish(base::Task<T> task) {
    std::optional<T> result;
    base::spawn(io_.get_executor(), keep(std::move(task), result));
    for (poll(); !result; pass(kStep)) {
    }
    return std::move(*result);
  }
  /// Runs what is ready, and what becomes ready by that.
  void poll() {
    do io_.restart();
    while (io_.poll() > 0);
  }
  void pass(base::Duration time) {
    for (base::Duration passed{}; passed < time; passed += kStep) {
      clock_.advance(kStep);
      poll();
    }
  }

  static constexpr base::Duration kStep = std::chrono::milliseconds(100);
  libp2p::testing::MemoryNetwork network_{io_.get_executor()};
  std::vector<std::unique_ptr<Node>> nodes_;

 private:
  template <class T>
  static base::Task<> keep(base::Task<T> task, std::optional<T>& result) {
    result.emplace(co_await std::move(task));
  }
};

}  // namespace libp2p::kad::testing
