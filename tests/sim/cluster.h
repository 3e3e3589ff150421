// Many simulated nodes: they join, leave and are replaced, are divided and come together again, and look for blocks.
#pragma once

#include "tests/sim/node.h"

#include <map>
#include <memory>
#include <vector>

namespace kvp2p::sim {

struct ClusterConfig {
  std::uint64_t seed = 1;
  std::size_t nodes = 100;
  std::size_t nodes_per_model = 50;
  NetworkConfig network = {};
  /// Of the nodes, so many are replaced in an hour.
  double replaced_per_hour = 0.5;
  /// A tenth of what real nodes have, so that they matter to a hundred nodes and leave memory for ten thousand.
  libp2p::Watermarks marks = {.high = 48, .low = 36, .grace = std::chrono::seconds(2)};
  /// The first ones are never replaced: those whose addresses every node is told.
  std::size_t ways_in = 5;
  /// Connections that break for no reason, of each node.
  base::Duration break_period = std::chrono::minutes(30);
};

/// Look-ups and how they ended.
struct LookupTally {
  std::size_t count = 0;
  std::size_t found = 0;
  std::size_t asked = 0;                   ///< peers
  std::vector<base::Duration> times = {};  ///< of those that found

  double share() const { return count == 0 ? 0 : static_cast<double>(found) / static_cast<double>(count); }
  double asked_each() const { return count == 0 ? 0 : static_cast<double>(asked) / static_cast<double>(count); }
  /// REQUIRES: 0 <= part <= 1.
  double time_ms(double part) const;
};

/// How many look-ups: who has blocks, and of each kind in the DHT. REQUIRES: no more of the latter.
struct LookupCounts {
  std::size_t blocks = 0;
  std::size_t dht = 0;
};

/// Of one phase.
struct LookupTallies {
  LookupTally blocks;     ///< who has a prompt's blocks, by the index
  LookupTally providers;  ///< of a model, in the DHT
  LookupTally peers;      ///< where a peer is, in the DHT

  bool is_empty() const { return blocks.count == 0; }
};

/// The most of each that any node holds, and the mean.
struct Census {
  std::size_t nodes = 0;
  Accounts most = {};
  Accounts all = {};
  /// Sent and received in a second, since the last census, by the node that did most.
  double bytes_per_s_most = 0;
  /// Of this process, a node. The one figure that is not the same in every run.
  std::size_t heap_bytes_each = 0;
  std::size_t timers = 0;
};

/// Not thread-safe. Ends all nodes when destroyed.
class Cluster {
 public:
  explicit Cluster(const ClusterConfig& config);
  ~Cluster();

  /// All nodes join, evenly over the time.
  void grow(base::Duration over);
  void set_churn(bool on);
  void run_for(base::Duration time);

  /// Divides the nodes: so many of a thousand on one side.
  void partition(unsigned share_of_thousand);
  void heal();

  /// Random nodes look for random prompts that some other node has held for `held_for`, for providers of models, and
  /// for peers, evenly over the time.
  LookupTallies look_up(const LookupCounts& counts, base::Duration over, base::Duration held_for);

  Census take_census();
  std::size_t size() const { return nodes_.size(); }
  std::uint64_t replaced() const { return replaced_; }
  Network& network() { return network_; }
  World& world() { return world_; }

 private:
  SimNode& add_node();
  void remove_node(std::size_t place);
  void schedule_churn();
  void schedule_breaks();
  void bury();
  std::vector<multiformats::Multiaddr> ways_in();
  /// One that a look-up by `asker` must find.
  std::optional<PromptNumber> findable_prompt(const SimNode& asker, base::Duration held_for);
  void begin(LookupTally& tally, base::Task<> look_up);
  void begin_block_look_up(const std::shared_ptr<SimNode>& asker, base::Duration held_for);
  void begin_dht_look_ups(const std::shared_ptr<SimNode>& asker, base::Duration held_for);
  base::Task<> look_for_blocks(std::shared_ptr<SimNode> asker, PromptNumber prompt);
  base::Task<> look_for_providers(std::shared_ptr<SimNode> asker, ModelNumber model);
  base::Task<> look_for_peer(std::shared_ptr<SimNode> asker, std::shared_ptr<SimNode> wanted);
  bool is_there(const SimNode& node) const { return numbers_.contains(node.id()); }
  bool is_held(PromptNumber prompt, const SimNode& besides) const;
  static base::Task<> close_node(std::shared_ptr<SimNode> node, bool& closed);

  struct Grave {
    std::shared_ptr<SimNode> node;
    std::shared_ptr<bool> closed;
    base::TimePoint since;
  };

  const ClusterConfig config_;
  World world_;
  Network network_;
  CheckedSignatures signatures_;
  Surroundings surroundings_;
  std::vector<std::shared_ptr<SimNode>> nodes_;
  std::map<multiformats::PeerId, NodeNumber> numbers_;
  std::vector<Grave> graves_;
  LookupTallies tallies_;  // of the phase
  std::size_t looking_up_ = 0;
  std::unique_ptr<base::Timer> churn_timer_, break_timer_;
  std::uint64_t replaced_ = 0;
  std::map<NodeNumber, std::uint64_t> bytes_at_census_;
  base::TimePoint last_census_{};
};

}  // namespace kvp2p::sim
