// Routers that talk to each other with no I/O between them, for tests.
#pragma once

#include "libp2p/protocols/gossipsub/router.h"
#include "libp2p/protocols/gossipsub/testing/test_peers.h"

#include <functional>
#include <memory>
#include <set>
#include <vector>

namespace libp2p::gossipsub::testing {

/// Nodes are numbered from 0; node n is peer(n).
class RouterNet {
 public:
  struct Node {
    std::uint8_t number = 0;
    std::unique_ptr<Router> router;
    std::vector<std::string> delivered = {};
    std::uint64_t seqno = 1;
  };

  explicit RouterNet(std::size_t nodes, const std::function<void(Config&)>& change = {}) {
    for (std::uint8_t i = 0; i < nodes; ++i) {
      Config config{.key = key(i)};
      config.seed = i;
      if (change) change(config);
      nodes_.push_back({i, std::make_unique<Router>(peer(i), config)});
    }
  }

  Router& operator[](std::size_t node) { return *nodes_[node].router; }
  const std::vector<std::string>& delivered(std::size_t node) const { return nodes_[node].delivered; }
  base::TimePoint now() const { return now_; }

  /// `a` dials `b`.
  void connect(std::size_t a, std::size_t b) {
    nodes_[a].router->add_peer(peer_of(b), {.is_outbound = true});
    nodes_[b].router->add_peer(peer_of(a), {.is_outbound = false});
    connections_.insert({a, b});
    connections_.insert({b, a});
    settle();
  }
  void connect_all() {
    for (std::size_t a = 0; a < nodes_.size(); ++a) {
      for (std::size_t b = 0; b < a; ++b) connect(a, b);
    }
  }
  /// And lets the first heartbeat make the meshes.
  void join_all(const std::string& topic) {
    for (Node& node : nodes_) node.router->join(topic, now_);
    settle();
    heartbeats(1);
  }
  /// What goes from one to the other is lost from now on, or not any more.
  void set_cut(std::size_t from, std::size_t to, bool cut) {
    if (cut) cut_.insert({from, to});
    if (!cut) cut_.erase({from, to});
  }
  void publish(std::size_t node, const std::string& topic, const std::string& data) {
    nodes_[node].router->publish(message(nodes_[node].number, nodes_[node].seqno++, topic, data), now_);
    settle();
  }
  /// Hands bytes to `to` as if `from` had sent them, length first.
  void send(std::size_t from, std::size_t to, const base::Bytes& frame) {
    receive(from, to, frame);
    settle();
  }
  void heartbeats(int count) {
    for (int i = 0; i < count; ++i) {
      now_ += std::chrono::seconds(1);
      for (Node& node : nodes_) node.router->heartbeat(now_);
      settle();
    }
  }
  void pass(base::Duration time) { now_ += time; }
  /// What is sent goes on to whom it is for, until nothing more is.
  void settle() {
    for (bool sent = true; sent;) {
      sent = false;
      for (Node& node : nodes_) {
        for (const Send& send : node.router->drain()) {
          sent = true;
          if (on_send) on_send(node.number, send);
          const std::size_t to = index_of(send.to);
          const std::pair<std::size_t, std::size_t> way(node.number, to);
          if (connections_.contains(way) && !cut_.contains(way)) receive(node.number, to, *send.frame);
        }
      }
    }
  }

  /// Decides for all nodes.
  std::function<Validation(const Message&)> validator;
  /// Sees all that is sent.
  std::function<void(std::size_t from, const Send&)> on_send;

 private:
  multiformats::PeerId peer_of(std::size_t node) const { return peer(nodes_[node].number); }
  std::size_t index_of(const multiformats::PeerId& id) const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (peer_of(i) == id) return i;
    }
    return nodes_.size();
  }
  void receive(std::size_t from, std::size_t to, const base::Bytes& frame) {
    Node& node = nodes_[to];
    auto rpc = parse_rpc(without_length(frame));
    if (!rpc) return node.router->malformed(peer_of(from));
    for (const RawMessage& each : rpc->publish) {
      const auto received = node.router->receive_message(peer_of(from), each, true, now_);
      if (!received) continue;
      const Validation validation = validator ? validator(*received) : Validation::kAccept;
      node.router->validated(peer_of(from), received, validation, now_);
      if (validation == Validation::kAccept) node.delivered.emplace_back(base::as_text(received->data));
    }
    node.router->receive_control(peer_of(from), std::move(*rpc), now_);
  }

  std::vector<Node> nodes_;
  std::set<std::pair<std::size_t, std::size_t>> connections_;
  std::set<std::pair<std::size_t, std::size_t>> cut_;
  base::TimePoint now_{};
};

inline base::Bytes graft_of(const std::string& topic) { return serialise_control({.graft = {topic}}).at(0); }
inline base::Bytes prune_of(const std::string& topic, std::optional<std::uint64_t> backoff_s) {
  return serialise_control({.prune = {{.topic = topic, .backoff_s = backoff_s}}}).at(0);
}

}  // namespace libp2p::gossipsub::testing
