// The network of a simulation: how long what one node sends takes to another, and whether it arrives at all.
//
// Nodes lie in a plane; the distance is the delay. A connection is what TCP makes of it: a lost segment comes later,
// and what was sent after it waits for it; nothing arrives across a partition, but is sent again when that has healed;
// a node that is gone without a word answers nothing. Nodes have bandwidth, up and down, which all their connections
// share.
#pragma once

#include "multiformats/multiaddr.h"
#include "tests/sim/world.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace kvp2p::sim {

class Pipe;
class SimListener;

/// Counts nodes in the order in which they join; never used again.
using NodeNumber = std::uint32_t;
/// Nodes have addresses in 44.0.0.0/8, in all of its /16 networks alike.
inline constexpr NodeNumber kNodesMax = 1u << 24;

struct NetworkConfig {
  /// One way, between neighbours and from corner to corner; each message takes up to `jitter` of it more.
  base::Duration delay_min = std::chrono::microseconds(300);
  base::Duration delay_max = std::chrono::milliseconds(80);
  double jitter = 0.2;
  double segment_loss = 0.005;
  double up_bytes_per_s = 12.5e6;
  double down_bytes_per_s = 12.5e6;
  /// Arrivals are whole multiples of it, so that many share one turn of the loop.
  base::Duration tick = std::chrono::microseconds(500);
};

/// What one node has sent and received, with the headers of TCP and IP.
struct Traffic {
  std::uint64_t bytes_sent = 0, bytes_received = 0;
  std::uint64_t messages_sent = 0, messages_received = 0;  ///< writes to connections
  std::uint64_t dials = 0;
  std::uint64_t retransmissions = 0;
};

/// Not thread-safe. Outlives the nodes.
class Network {
 public:
  Network(World& world, const NetworkConfig& config) : world_(world), config_(config) {}
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  NodeNumber add_node();
  static multiformats::Multiaddr address_of(NodeNumber node);
  /// Nothing if it is no address of a simulated node.
  static std::optional<NodeNumber> node_at(const multiformats::Multiaddr& address);

  /// The node ends: its connections break at once on its side. `silently`: nobody is told; else its kernel does it.
  void remove_node(NodeNumber node, bool silently);
  /// Nodes for which `side` differs cannot reach each other from now on.
  void partition(std::function<int(NodeNumber)> side);
  void heal();
  bool is_partitioned() const { return static_cast<bool>(side_); }
  /// Breaks one of the node's connections, as a middlebox does.
  void break_connection(NodeNumber node);

  bool can_reach(NodeNumber from, NodeNumber to) const;
  base::Duration round_trip(NodeNumber a, NodeNumber b) const { return 2 * delay(a, b); }
  const Traffic& traffic(NodeNumber node) const { return ports_[node].traffic; }
  const Traffic& total() const { return total_; }
  std::size_t connections() const { return pipes_.size(); }
  World& world() { return world_; }

  // For pipes and transports.

  /// When `bytes` that are sent now arrive; nothing: not before something changes.
  std::optional<base::TimePoint> send(NodeNumber from, NodeNumber to, std::size_t bytes);
  /// They have arrived: when they are through the node's own link.
  base::TimePoint receive(NodeNumber to, std::size_t bytes);
  /// When what could not be sent since `since` arrives, now that it can.
  base::TimePoint send_again(NodeNumber from, NodeNumber to, base::TimePoint since);
  std::uint64_t add_pipe(Pipe& pipe);
  void remove_pipe(std::uint64_t number);
  void listen(NodeNumber node, SimListener* listener) { ports_[node].listener = listener; }
  SimListener* listener(NodeNumber node) const { return ports_[node].listener; }
  void note_dial(NodeNumber node);

 private:
  /// A node's place in the network.
  struct Port {
    float x = 0, y = 0;
    bool gone = false;
    base::TimePoint up_until{}, down_until{};
    std::set<std::uint64_t> pipes = {};
    SimListener* listener = nullptr;
    Traffic traffic = {};
  };

  base::Duration delay(NodeNumber a, NodeNumber b) const;
  base::TimePoint on_tick(base::TimePoint when) const;
  std::vector<Pipe*> pipes_of(NodeNumber node) const;

  World& world_;
  NetworkConfig config_;
  std::vector<Port> ports_;
  std::function<int(NodeNumber)> side_;
  std::map<std::uint64_t, Pipe*> pipes_;
  std::uint64_t next_pipe_ = 0;
  Traffic total_;
};

}  // namespace kvp2p::sim
