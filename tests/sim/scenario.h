// What a simulated cluster goes through, and what is measured meanwhile.
#pragma once

#include "tests/sim/cluster.h"

#include <functional>
#include <string>
#include <vector>

namespace kvp2p::sim {

struct ScenarioConfig {
  ClusterConfig cluster;
  base::Duration grow = std::chrono::seconds(60);
  base::Duration settle = std::chrono::seconds(60);
  base::Duration undisturbed = std::chrono::seconds(60);
  /// From here on nodes are replaced and connections break, to the end.
  base::Duration churn = std::chrono::minutes(5);
  /// The same after all divisions; none: it ends with the last of them.
  base::Duration later = {};
  /// Divisions, one after the other: into halves, then a tenth and the rest, and so on in turn.
  std::size_t divisions = 2;
  base::Duration divided = std::chrono::minutes(2);
  /// From the end of a division to the look-ups that must succeed.
  base::Duration heal = std::chrono::seconds(90);
  base::Duration healed = std::chrono::seconds(60);
  /// In each phase: who has blocks, and of each kind in the DHT.
  std::size_t lookups = 300;
  std::size_t dht_lookups = 300;
  /// Prompts that a node has held for less are not looked for: others need not know yet.
  base::Duration held_for = std::chrono::seconds(15);
};

struct Phase {
  std::string name;
  base::Duration time{};
  LookupTallies lookups;
  Census census;
  /// Of all nodes.
  Traffic traffic;
  std::uint64_t replaced = 0;
};

/// "grown", "undisturbed", "churn", then "divided" and "healed" in turn, then "later". `each` is called at the end of
/// every phase.
std::vector<Phase> run(
    Cluster& cluster, const ScenarioConfig& config,
    const std::function<void(const Phase&)>& each = [](const Phase&) {});

}  // namespace kvp2p::sim
