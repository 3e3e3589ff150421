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

  /// Random nodes look for random prompts that some other node has held for `held_for`, evenly over the time.
  LookupTally look_up(std::size_t count, base::Duration over, base::Duration held_for);

  Census take_census();
  std::size_t size() const { return nodes_.size(); }
  std::uint64_t replaced() const { return replaced_; }
  Network& network() { return network_; }
  World& world() { return world_; }
  const CheckedSignatures& signatures() const { return signatures_; }

 private:
  SimNode& add_node();
  void remove_node(std::size_t place);
  void schedule_churn();
  void schedule_breaks();
  void bury();
  std::vector<AddressedPeer> find_peers(NodeNumber asker, ModelNumber model);
  /// One that a look-up by `asker` must find.
  std::optional<PromptNumber> findable_prompt(const SimNode& asker, base::Duration held_for);
  static base::Task<> run_look_up(std::shared_ptr<SimNode> asker, PromptNumber prompt, LookupTally& tally,
                                  std::size_t& running);
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
  std::unique_ptr<base::Timer> churn_timer_, break_timer_;
  std::uint64_t replaced_ = 0;
  std::map<NodeNumber, std::uint64_t> bytes_at_census_;
  base::TimePoint last_census_{};
};

}  // namespace kvp2p::sim
