#include "tests/sim/scenario.h"

#include <array>

namespace kvp2p::sim {

namespace {

constexpr std::array<unsigned, 2> kSharesOfThousand{500, 100};

Traffic operator-(const Traffic& a, const Traffic& b) {
  return {a.bytes_sent - b.bytes_sent,
          a.bytes_received - b.bytes_received,
          a.messages_sent - b.messages_sent,
          a.messages_received - b.messages_received,
          a.dials - b.dials,
          a.retransmissions - b.retransmissions};
}

/// Notes what has happened since the phase before.
class Recorder {
 public:
  Recorder(Cluster& cluster, const std::function<void(const Phase&)>& each)
      : cluster_(cluster), each_(each), since_(cluster.world().now()), replaced_(cluster.replaced()) {}

  void end(std::string name, LookupTallies lookups = {}) {
    Phase phase{std::move(name),        cluster_.world().now() - since_,       std::move(lookups),
                cluster_.take_census(), cluster_.network().total() - traffic_, cluster_.replaced() - replaced_};
    since_ = cluster_.world().now();
    traffic_ = cluster_.network().total();
    replaced_ = cluster_.replaced();
    each_(phase);
    phases.push_back(std::move(phase));
  }
  std::vector<Phase> phases;

 private:
  Cluster& cluster_;
  const std::function<void(const Phase&)>& each_;
  base::TimePoint since_;
  Traffic traffic_;
  std::uint64_t replaced_;
};

}  // namespace

std::vector<Phase> run(Cluster& cluster, const ScenarioConfig& config, const std::function<void(const Phase&)>& each) {
  Recorder recorder(cluster, each);
  const auto look_up = [&](base::Duration over) {
    return cluster.look_up({config.lookups, config.dht_lookups}, over, config.held_for);
  };
  cluster.grow(config.grow);
  cluster.run_for(config.settle);
  recorder.end("grown");
  recorder.end("undisturbed", look_up(config.undisturbed));
  cluster.set_churn(true);
  recorder.end("churn", look_up(config.churn));
  for (std::size_t i = 0; i < config.divisions; ++i) {
    cluster.partition(kSharesOfThousand[i % kSharesOfThousand.size()]);
    recorder.end("divided", look_up(config.divided));
    cluster.heal();
    cluster.run_for(config.heal);
    recorder.end("healed", look_up(config.healed));
  }
  if (config.later.count() > 0) recorder.end("later", look_up(config.later));
  return std::move(recorder.phases);
}

}  // namespace kvp2p::sim
