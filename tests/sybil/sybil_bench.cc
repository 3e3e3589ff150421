// What hostile peers cost a node: look-ups and fetches of a node among them, and of another without them, by turns.
// One line of JSON a part; bench/sybil/run.py makes the table.
#include "tests/sybil/cores.h"
#include "tests/sybil/customer.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <optional>

namespace kvp2p::sybil {
namespace {

using namespace std::chrono_literals;

struct Options {
  std::size_t honest = 6;
  std::size_t hostile = 200;
  std::size_t prompts = 25;  ///< of each turn
  std::size_t turns = 60;
  std::size_t blocks = 16;
  bool new_identities = false;
  std::optional<std::size_t> hostile_core;  ///< beside the one that all else runs on
};

constexpr std::array kHostile{Character::kLiar, Character::kRefuser, Character::kJunker, Character::kForger,
                              Character::kFlooder};
constexpr base::Duration kTimeToCome = 120s;
/// Between turns: what the hostile have begun ends, or is in full swing again.
constexpr base::Duration kPause = 300ms;

void print(const nlohmann::json& event) { std::cout << event.dump() << std::endl; }

void print(const char* part, const Shopping& shopping, const Customer& customer) {
  print({{"event", "shopping"},
         {"part", part},
         {"look_ups", shopping.look_ups.size()},
         {"p50_ms", shopping.percentile_ms(50)},
         {"p99_ms", shopping.percentile_ms(99)},
         {"bytes_per_s", shopping.bytes_per_s()},
         {"blocks_wanted", shopping.blocks_wanted},
         {"blocks_arrived", shopping.blocks_arrived},
         {"blocks_wrong", shopping.blocks_wrong},
         {"peers_banned", customer.counter("peers_banned")},
         {"strangers_tried", customer.counter("strangers_tried")},
         {"announcements_received", customer.counter("announcements_received")},
         {"announcements_dropped", customer.counter("announcements_dropped")}});
}

void print(const Swarm& swarm) {
  print({{"event", "swarm"},
         {"character", name_of(swarm.character())},
         {"came", swarm.came()},
         {"inside", swarm.inside()},
         {"cut_off", swarm.cut_off()},
         {"reads", swarm.reads()}});
}

/// The first core for this thread and those that it starts; the last for the hostile, if that is another: they are
/// other machines, and may saturate theirs. By turns, both nodes are alike in that.
std::optional<std::size_t> take_cores() {
  const auto cores = usable_cores();
  if (cores.size() < 2 || !pin_thread(cores.front())) {
    print({{"event", "cores"}, {"shared", true}});
    return std::nullopt;
  }
  print({{"event", "cores"}, {"shared", false}, {"honest", cores.front()}, {"hostile", cores.back()}});
  return cores.back();
}

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options), wares_(attacked_.make_wares({options.prompts * kBatches, options.blocks, options.blocks})) {
    add(undisturbed_, Character::kHonest, options.honest);
    add(attacked_, Character::kHonest, options.honest);
  }

  bool run() {
    if (!all_came()) return false;
    for (Customer* customer : {&undisturbed_, &attacked_}) customer->shop(wares_, 0, 2 * options_.prompts);  // warms up
    for (const Character character : kHostile) add(attacked_, character, options_.hostile / kHostile.size());
    if (!all_came()) return false;
    Shopping undisturbed, attacked;
    for (std::size_t turn = 0; turn < options_.turns; ++turn) {
      const std::size_t begin = turn % kBatches * options_.prompts;
      pause(true);
      undisturbed.add(undisturbed_.shop(wares_, begin, begin + options_.prompts));
      pause(false);
      attacked.add(attacked_.shop(wares_, begin, begin + options_.prompts));
    }
    print("undisturbed", undisturbed, undisturbed_);
    print("attacked", attacked, attacked_);
    for (const auto& swarm : swarms_) print(*swarm);
    return true;
  }

 private:
  static constexpr std::size_t kBatches = 4;

  void add(const Customer& customer, Character character, std::size_t count) {
    SwarmConfig config = customer.peers(character, count);
    if (character != Character::kHonest) {
      config.new_identities = options_.new_identities;
      config.core = options_.hostile_core;
    }
    swarms_.push_back(std::make_unique<Swarm>(wares_, config, customer.address()));
    wanted_.push_back(count);
    // Until all are there.
    swarms_.back()->pause(character == Character::kFlooder);
  }
  bool all_came() const {
    const auto until = std::chrono::steady_clock::now() + kTimeToCome;
    for (std::size_t i = 0; i < swarms_.size(); ++i) {
      while (swarms_[i]->came() < wanted_[i]) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(20ms);
      }
    }
    return true;
  }
  void pause(bool paused) {
    for (const auto& swarm : swarms_) {
      if (swarm->character() != Character::kHonest) swarm->pause(paused);
    }
    std::this_thread::sleep_for(kPause);
  }

  const Options options_;
  Customer undisturbed_, attacked_;
  const Wares wares_;
  std::vector<std::unique_ptr<Swarm>> swarms_;
  std::vector<std::size_t> wanted_;
};

}  // namespace
}  // namespace kvp2p::sybil

int main(int argc, char** argv) {
  kvp2p::sybil::Options options;
  CLI::App app("What hostile peers cost a node; prints a line of JSON a part");
  app.add_option("--honest", options.honest)->check(CLI::Range(1, 64));
  app.add_option("--hostile", options.hostile)->check(CLI::Range(5, 240));
  app.add_option("--prompts", options.prompts)->check(CLI::Range(1, 500));
  app.add_option("--turns", options.turns)->check(CLI::Range(1, 1000));
  app.add_option("--blocks", options.blocks)->check(CLI::Range(1, 32));
  app.add_flag("--new-identities", options.new_identities);
  CLI11_PARSE(app, argc, argv);
  options.hostile_core = kvp2p::sybil::take_cores();
  if (kvp2p::sybil::Bench(options).run()) return 0;
  std::cerr << "not all peers have come\n";
  return 1;
}
