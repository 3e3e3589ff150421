// A simulated cluster of a given size: what a node holds and sends, and how look-ups fare. One line of JSON a phase;
// bench/sim/run.py makes the table.
#include "base/log.h"
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

/// An option in seconds.
void add_time(CLI::App& app, const std::string& name, base::Duration& time) {
  const auto set = [&time](double s) {
    time = std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(s));
  };
  app.add_option_function<double>(name, set)->check(CLI::Range(0.0, 1e6));
}

/// Tells people who wait how far it has come, a line a simulated minute.
class Progress {
 public:
  explicit Progress(World& world) : world_(world) { begin_minute(); }

 private:
  static constexpr base::Duration kPeriod = std::chrono::minutes(1);
  void begin_minute() {
    timer_ = world_.clock().call_at(world_.now() + kPeriod, [this] {
      const auto now = std::chrono::steady_clock::now();
      const auto usage = libp2p::testing::measure_process();
      std::cerr << "simulated " << seconds(world_.now().time_since_epoch()) / 60 << " min, the last one in "
                << seconds(now - begin_) << " s; " << (usage.resident_bytes >> 20) << " MiB" << std::endl;
      begin_ = now;
      begin_minute();
    });
  }

  World& world_;
  base::TimePoint begin_ = std::chrono::steady_clock::now();
  std::unique_ptr<base::Timer> timer_;
};

int main(const ScenarioConfig& config) {
  using WallClock = std::chrono::steady_clock;
  const auto begin = WallClock::now();
  const auto wall_s = [begin] { return std::chrono::duration<double>(WallClock::now() - begin).count(); };
  Cluster cluster(config.cluster);
  const Progress progress(cluster.world());
  run(cluster, config, [&](const Phase& phase) { std::cout << to_json(phase, wall_s()).dump() << std::endl; });
  std::cout << nlohmann::json{{"event", "end"},
                              {"events", cluster.world().trace().events()},
                              {"digest", cluster.world().trace().digest()},
                              {"simulated_s", seconds(cluster.world().now().time_since_epoch())},
                              {"wall_s", wall_s()},
                              {"replaced", cluster.replaced()},
                              {"replaced_per_hour", config.cluster.replaced_per_hour},
                              {"marks", {config.cluster.marks.low, config.cluster.marks.high}}}
                   .dump()
            << std::endl;
  return 0;
}

}  // namespace
}  // namespace kvp2p::sim

int main(int argc, char** argv) {
  using kvp2p::sim::add_time;
  kvp2p::sim::ScenarioConfig config;
  CLI::App app("A simulated cluster; prints a line of JSON a phase");
  app.add_option("--nodes", config.cluster.nodes)->check(CLI::Range(2, 100'000));
  app.add_option("--nodes-per-model", config.cluster.nodes_per_model)->check(CLI::Range(2, 4096));
  app.add_option("--ways-in", config.cluster.ways_in, "nodes whose addresses all know")->check(CLI::Range(1, 1000));
  app.add_option("--seed", config.cluster.seed);
  app.add_option("--replaced-per-hour", config.cluster.replaced_per_hour, "share of the nodes")
      ->check(CLI::Range(0.0, 100.0));
  app.add_option("--connections-high", config.cluster.marks.high, "of a node: above it parts with some")
      ->check(CLI::Range(8, 80));
  app.add_option("--connections-low", config.cluster.marks.low, "so many are left then")->check(CLI::Range(8, 80));
  app.add_option("--lookups", config.lookups, "of holders of blocks, in each phase")->check(CLI::Range(1, 1'000'000));
  app.add_option("--dht-lookups", config.dht_lookups, "of each kind; at most as many")->check(CLI::Range(1, 1'000'000));
  app.add_option("--divisions", config.divisions)->check(CLI::Range(0, 100));
  add_time(app, "--grow-s", config.grow);
  add_time(app, "--settle-s", config.settle);
  add_time(app, "--undisturbed-s", config.undisturbed);
  add_time(app, "--churn-s", config.churn);
  add_time(app, "--later-s", config.later);
  add_time(app, "--divided-s", config.divided);
  add_time(app, "--heal-s", config.heal);
  add_time(app, "--healed-s", config.healed);
  CLI11_PARSE(app, argc, argv);
  config.dht_lookups = std::min(config.dht_lookups, config.lookups);
  base::set_up_logging("warn");
  return kvp2p::sim::main(config);
}
