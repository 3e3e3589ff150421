// What hostile peers cost a node: look-ups and fetches without them, and with them. One line of JSON a part;
// bench/sybil/run.py makes the table.
#include "tests/sybil/customer.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>

namespace kvp2p::sybil {
namespace {

using namespace std::chrono_literals;

struct Options {
  std::size_t honest = 6;
  std::size_t hostile = 200;
  std::size_t prompts = 400;  ///< of each part
  std::size_t blocks = 16;
};

const char* name_of(Character character) {
  switch (character) {
    case Character::kHonest:
      return "honest";
    case Character::kLiar:
      return "liars";
    case Character::kRefuser:
      return "refusers";
    case Character::kJunker:
      return "junkers";
    case Character::kForger:
      return "forgers";
    case Character::kFlooder:
      break;
  }
  return "flooders";
}

void print(const nlohmann::json& event) { std::cout << event.dump() << std::endl; }

void print(const char* part, const Shopping& shopping, const std::map<std::string, std::uint64_t>& counters) {
  const auto counter = [&counters](const char* name) { return counters.contains(name) ? counters.at(name) : 0; };
  auto sorted = shopping.look_ups;
  std::ranges::sort(sorted);
  print({{"event", "shopping"},
         {"part", part},
         {"look_ups", shopping.look_ups.size()},
         {"p50_ms", std::chrono::duration<double, std::milli>(sorted[sorted.size() / 2]).count()},
         {"p99_ms", shopping.p99_ms()},
         {"bytes_per_s", shopping.bytes_per_s()},
         {"blocks_wanted", shopping.blocks_wanted},
         {"blocks_arrived", shopping.blocks_arrived},
         {"blocks_wrong", shopping.blocks_wrong},
         {"peers_banned", counter("peers_banned")},
         {"announcements_dropped", counter("announcements_dropped")}});
}

int run(const Options& options) {
  constexpr std::array kHostile{Character::kLiar, Character::kRefuser, Character::kJunker, Character::kForger,
                                Character::kFlooder};
  Customer customer;
  customer.make_wares(2 * options.prompts + 50, options.blocks, options.blocks);
  std::vector<std::unique_ptr<Swarm>> swarms;
  const auto add = [&](Character character, std::size_t count) {
    swarms.push_back(std::make_unique<Swarm>(customer.wares(), customer.peers(character, count), customer.address()));
  };
  add(Character::kHonest, options.honest);
  if (!customer.wait_for_peers(options.honest, 60s)) {
    std::cerr << "the honest peers have not come\n";
    return 1;
  }
  customer.shop(0, 50);  // warms up
  print("undisturbed", customer.shop(50, 50 + options.prompts), customer.counters());
  for (Character character : kHostile) add(character, options.hostile / kHostile.size());
  const auto all_came = [&] {
    return std::ranges::all_of(swarms, [&](const auto& swarm) {
      return swarm == swarms.front() || swarm->came() == options.hostile / kHostile.size();
    });
  };
  for (int i = 0; i < 1200 && !all_came(); ++i) std::this_thread::sleep_for(50ms);
  if (!all_came()) {
    std::cerr << "the hostile peers have not come\n";
    return 1;
  }
  print("attacked", customer.shop(50 + options.prompts, 50 + 2 * options.prompts), customer.counters());
  for (std::size_t i = 0; i < swarms.size(); ++i) {
    const Character character = i == 0 ? Character::kHonest : kHostile[i - 1];
    print({{"event", "swarm"},
           {"character", name_of(character)},
           {"came", swarms[i]->came()},
           {"cut_off", swarms[i]->cut_off()},
           {"reads", swarms[i]->reads()}});
  }
  return 0;
}

}  // namespace
}  // namespace kvp2p::sybil

int main(int argc, char** argv) {
  kvp2p::sybil::Options options;
  CLI::App app("What hostile peers cost a node; prints a line of JSON a part");
  app.add_option("--honest", options.honest)->check(CLI::Range(1, 64));
  app.add_option("--hostile", options.hostile)->check(CLI::Range(5, 240));
  app.add_option("--prompts", options.prompts)->check(CLI::Range(1, 2000));
  app.add_option("--blocks", options.blocks)->check(CLI::Range(1, 32));
  CLI11_PARSE(app, argc, argv);
  return kvp2p::sybil::run(options);
}
