// Hosts with gossipsub on a network in memory and a clock moved by hand, for tests.
#pragma once

#include "libp2p/host/host_fixture.h"
#include "libp2p/protocols/gossipsub/gossipsub.h"
#include "libp2p/testing/memory_transport.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace libp2p::gossipsub::testing {

class PubsubFixture : public HostFixture<base::ManualClock> {
 protected:
  struct Node {
    Host* host = nullptr;
    multiformats::Multiaddr address;
    std::unique_ptr<Gossipsub> pubsub = nullptr;
    Subscription subscription = {};
    std::vector<std::string> delivered = {};
    multiformats::PeerId id() const { return host->peer_id(); }
  };

  void TearDown() override {
    for (auto& node : nodes_) {
      node->subscription = Subscription();
      if (node->pubsub) run(node->pubsub->close());
    }
    // Destroyed before their hosts; what the hosts' events hold of them is weak.
    for (auto& node : nodes_) node->pubsub.reset();
    HostFixture::TearDown();
  }

  /// A host on the network, without gossipsub: for tests to play a peer by hand.
  Node& add_plain() {
    HostConfig host_config = config();
    keys_.push_back(host_config.key);
    HostParts parts;
    parts.transports.push_back(std::make_unique<libp2p::testing::MemoryTransport>(network_));
    parts.muxers.push_back(std::make_unique<YamuxMuxer>(clock_));
    parts.securities.push_back(std::make_unique<noise::NoiseSecurity>(host_config.key, "/yamux/1.0.0"));
    Host& host = add_host(std::move(host_config), std::move(parts));
    nodes_.push_back(std::make_unique<Node>(Node{&host, host.listen(address("/ip4/10.0.0.1/tcp/0")).value()}));
    return *nodes_.back();
  }
  Node& add_node(const std::function<void(Config&)>& change = {}) {
    Node& node = add_plain();
    Config pubsub_config{.key = keys_.back()};
    pubsub_config.seed = nodes_.size();
    pubsub_config.first_seqno = 1;
    // All have one address here.
    pubsub_config.score.ip_colocation_factor_weight = 0;
    if (change) change(pubsub_config);
    node.pubsub = Gossipsub::create(io_.get_executor(), clock_, *node.host, pubsub_config).value();
    return node;
  }
  void subscribe(Node& node, Validator validator = nullptr) {
    const auto handler = [&node](const multiformats::PeerId&, const MessagePtr& message) {
      node.delivered.emplace_back(base::as_text(message->data));
    };
    node.subscription = node.pubsub->subscribe(kTopic, std::move(validator), handler).value();
  }
  void publish(Node& node, const std::string& data) {
    ASSERT_TRUE(node.pubsub->publish(kTopic, base::as_bytes(data)));
    poll();
  }
  /// `from` dials `to`; both have identified the other when it returns.
  std::shared_ptr<Connection> connect(Node& from, Node& to) {
    auto connection = run(from.host->connect(to.id(), {to.address})).value();
    poll();
    return connection;
  }
  void connect_all() {
    for (auto& a : nodes_) {
      for (auto& b : nodes_) {
        if (a == b) break;
        connect(*a, *b);
      }
    }
  }
  /// Runs what is ready, and what becomes ready by that.
  void poll() {
    do io_.restart();
    while (io_.poll() > 0);
  }
  void pass(base::Duration time) {
    constexpr base::Duration kStep = std::chrono::milliseconds(100);
    for (base::Duration passed{}; passed < time; passed += kStep) {
      clock_.advance(kStep);
      poll();
    }
  }

  inline static const std::string kTopic = "topic";
  libp2p::testing::MemoryNetwork network_{io_.get_executor()};
  std::vector<std::unique_ptr<Node>> nodes_;
  /// Of the nodes, in order.
  std::vector<multiformats::PrivateKey> keys_;
};

}  // namespace libp2p::gossipsub::testing
