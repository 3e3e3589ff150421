// A hundred whole nodes through churn and divisions: what holds in every run, whatever the seed.
#include "base/log.h"
#include "tests/sim/scenario.h"

#include <gtest/gtest.h>

namespace kvp2p::sim {
namespace {

using namespace std::chrono_literals;

class Simulation : public testing::Test {
 protected:
  static void SetUpTestSuite() { base::set_up_logging("warn"); }
};

ScenarioConfig scenario(std::size_t nodes, std::size_t nodes_per_model, std::uint64_t seed) {
  ScenarioConfig config;
  config.cluster.seed = seed;
  config.cluster.nodes = nodes;
  config.cluster.nodes_per_model = nodes_per_model;
  // Ten times as many come and go as where half of the nodes are replaced in an hour: these are minutes.
  config.cluster.replaced_per_hour = 5;
  config.cluster.break_period = 5min;
  config.grow = 20s;
  config.settle = 20s;
  config.undisturbed = 10s;
  config.churn = 20s;
  config.divisions = 2;
  config.divided = 60s;
  config.heal = 60s;
  config.healed = 10s;
  config.lookups = 200;
  config.dht_lookups = 120;
  return config;
}

void expect_bounded(const Phase& phase, const ClusterConfig& config) {
  SCOPED_TRACE(phase.name);
  const Accounts& most = phase.census.most;
  EXPECT_LE(most.connections, SimNode::kConnectionsMax);
  EXPECT_LE(most.streams, 4 * most.connections);
  // Of those who are there, and those who have gone within the time after which they are forgotten.
  const std::size_t holders = 2 * config.nodes_per_model;
  EXPECT_LE(most.index_pairs, holders * (SimNode::kPromptsHeld + 1) * kBlocksOfPrompt);
  // Messages of two minutes, five digests and two changes a second at most.
  EXPECT_LE(most.gossip_seen, 2 * 120 * 7u);
  EXPECT_LE(most.gossip_cached_bytes, 256 * 1024u);
  EXPECT_LE(most.gossip_queued_bytes, 256 * 1024u);
  EXPECT_LE(most.table_peers, config.nodes + 20);
  EXPECT_LE(most.provider_records, 4 * config.nodes);
  EXPECT_LE(phase.census.bytes_per_s_most, 256 * 1024.0);
}

void tell(const char* what, const Phase& phase, const LookupTally& tally) {
  if (tally.count == 0) return;
  std::printf("%-12s %-9s %4zu look-ups, %.3f found, p50 %.0f ms, p99 %.0f ms\n", phase.name.c_str(), what, tally.count,
              tally.share(), tally.time_ms(0.5), tally.time_ms(0.99));
}

TEST_F(Simulation, AHundredNodesFindWhatTheyLookForAfterEveryDivision) {
  const ScenarioConfig config = scenario(100, 20, 1);
  Cluster cluster(config.cluster);
  const auto phases = run(cluster, config);
  ASSERT_EQ(phases.size(), 7u);
  for (const Phase& phase : phases) {
    expect_bounded(phase, config.cluster);
    tell("blocks", phase, phase.lookups.blocks);
    tell("providers", phase, phase.lookups.providers);
    tell("peers", phase, phase.lookups.peers);
    if (phase.name != "undisturbed" && phase.name != "healed") continue;
    EXPECT_GE(phase.lookups.blocks.count, 150u);
    for (const LookupTally* tally : {&phase.lookups.blocks, &phase.lookups.providers, &phase.lookups.peers}) {
      EXPECT_GE(tally->count, 100u);
      EXPECT_GE(tally->share(), 0.99) << phase.name;
    }
  }
  EXPECT_GE(cluster.replaced(), 20u);
  std::printf("%llu events, digest %s\n", static_cast<unsigned long long>(cluster.world().trace().events()),
              cluster.world().trace().digest().c_str());
}

/// What a short run did, in one text.
std::string story(std::uint64_t seed) {
  ScenarioConfig config = scenario(16, 8, seed);
  config.divisions = 1;
  config.lookups = config.dht_lookups = 40;
  config.divided = 20s;
  config.heal = 20s;
  Cluster cluster(config.cluster);
  run(cluster, config);
  return std::to_string(cluster.world().trace().events()) + " " + cluster.world().trace().digest();
}

TEST_F(Simulation, EqualSeedsMakeEqualRuns) {
  const std::string first = story(7);
  EXPECT_EQ(first, story(7));
  EXPECT_NE(first, story(8));
}

}  // namespace
}  // namespace kvp2p::sim
