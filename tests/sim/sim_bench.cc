// A simulated cluster of a given size: what a node holds and sends, and how look-ups fare. One line of JSON a phase;
// bench/sim/run.py makes the table.
#include "libp2p/testing/process_usage.h"
#include "tests/sim/scenario.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <iostream>

namespace kvp2p::sim {
namespace {

double seconds(base::Duration time) { return std::chrono::duration<double>(time).count(); }

nlohmann::json to_json(const LookupTally& tally) {
  return {{"count", tally.count},
          {"share", tally.share()},
          {"asked", tally.asked_each()},
          {"p50_ms", tally.time_ms(0.5)},
          {"p99_ms", tally.time_ms(0.99)}};
}

nlohmann::json to_json(const Phase& phase, double wall_s) {
  const Census& census = phase.census;
  const auto nodes = static_cast<double>(census.nodes);
  const double node_seconds = nodes * seconds(phase.time);
  const auto mean = [nodes](std::size_t all) { return static_cast<double>(all) / nodes; };
  return {{"event", "phase"},
          {"name", phase.name},
          {"nodes", census.nodes},
          {"simulated_s", seconds(phase.time)},
          {"wall_s", wall_s},
          {"replaced", phase.replaced},
          {"blocks", to_json(phase.lookups.blocks)},
          {"providers", to_json(phase.lookups.providers)},
          {"peers", to_json(phase.lookups.peers)},
          {"bytes_per_s", static_cast<double>(phase.traffic.bytes_sent) / node_seconds},
          {"bytes_per_s_most", census.bytes_per_s_most},
          {"messages_per_s", static_cast<double>(phase.traffic.messages_sent) / node_seconds},
          {"dials_per_hour", static_cast<double>(phase.traffic.dials) * 3600 / node_seconds},
          {"connections", mean(census.all.connections)},
          {"connections_most", census.most.connections},
          {"streams", mean(census.all.streams)},
          {"index_pairs", mean(census.all.index_pairs)},
          {"index_pairs_most", census.most.index_pairs},
          {"gossip_seen_most", census.most.gossip_seen},
          {"table_peers", mean(census.all.table_peers)},
          {"provider_records", mean(census.all.provider_records)},
          {"provider_records_most", census.most.provider_records},
          {"heap_bytes", census.heap_bytes_each},
          {"resident_bytes", libp2p::testing::measure_process().resident_bytes}};
}

struct Options {
  ScenarioConfig scenario;
  double churn_s = 300, divided_s = 120, grow_s = 60;
};

int main(const Options& options) {
  using WallClock = std::chrono::steady_clock;
  ScenarioConfig config = options.scenario;
  const auto from = [](double s) {
    return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(s));
  };
  config.grow = from(options.grow_s);
  config.churn = from(options.churn_s);
  config.divided = from(options.divided_s);
  const auto begin = WallClock::now();
  const auto wall_s = [begin] { return std::chrono::duration<double>(WallClock::now() - begin).count(); };
  Cluster cluster(config.cluster);
  run(cluster, config, [&](const Phase& phase) { std::cout << to_json(phase, wall_s()).dump() << std::endl; });
  std::cout << nlohmann::json{{"event", "end"},
                              {"events", cluster.world().trace().events()},
                              {"digest", cluster.world().trace().digest()},
                              {"simulated_s", seconds(cluster.world().now().time_since_epoch())},
                              {"wall_s", wall_s()},
                              {"replaced", cluster.replaced()}}
                   .dump()
            << std::endl;
  return 0;
}

}  // namespace
}  // namespace kvp2p::sim

int main(int argc, char** argv) {
  kvp2p::sim::Options options;
  kvp2p::sim::ClusterConfig& cluster = options.scenario.cluster;
  CLI::App app("A simulated cluster; prints a line of JSON a phase");
  app.add_option("--nodes", cluster.nodes)->check(CLI::Range(2, 100'000));
  app.add_option("--nodes-per-model", cluster.nodes_per_model)->check(CLI::Range(2, 4096));
  app.add_option("--seed", cluster.seed);
  app.add_option("--replaced-per-hour", cluster.replaced_per_hour, "share of the nodes")->check(CLI::Range(0.0, 100.0));
  app.add_option("--lookups", options.scenario.lookups, "of each kind in each phase")->check(CLI::Range(1, 1'000'000));
  app.add_option("--grow-s", options.grow_s);
  app.add_option("--churn-s", options.churn_s);
  app.add_option("--divisions", options.scenario.divisions)->check(CLI::Range(0, 100));
  app.add_option("--divided-s", options.divided_s);
  CLI11_PARSE(app, argc, argv);
  return kvp2p::sim::main(options);
}
