// The index under many prompts: how long look-ups, insertions and forgetting take, and how much memory. One line of
// JSON a measure; bench/index/run.py makes the table.
#include "bench/index/measures.h"
#include "index/block_index.h"
#include "multiformats/numbered_peer.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <sys/resource.h>

#include <fstream>
#include <iostream>
#include <random>
#include <string>

namespace kvp2p::bench {
namespace {

using multiformats::PeerId;

struct Options {
  std::size_t pairs = 20'000'000;
  std::size_t holders = 100;
  std::size_t holders_of_block = 2;
  std::size_t prompt_blocks = 512;
  std::size_t lookups = 20'000;
  std::size_t key_rounds = 2001;
  std::uint64_t seed = 1;
};

constexpr std::size_t kAnswers = 8;  // as a match asks for (cache/match_operation.h)
/// A prompt of this number is held by everybody; those of the others' numbers by `holders_of_block`.
constexpr std::uint64_t kPopular = UINT64_MAX;

constexpr auto peer = multiformats::testing::numbered_peer;

/// As uniform as digests are.
std::vector<BlockKey> keys_of(std::uint64_t prompt, std::size_t blocks) {
  std::mt19937_64 random(prompt * 0x9e3779b97f4a7c15 + 1);
  std::vector<BlockKey> keys(blocks);
  for (auto& key : keys) {
    for (std::size_t i = 0; i < 32; i += 8) base::store_le64(&key.bytes[i], random());
  }
  return keys;
}

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t all = 0, resident = 0;
  statm >> all >> resident;
  return resident * 4096;
}

void print(nlohmann::json event) { std::cout << event.dump() << std::endl; }

nlohmann::json spread_json(const Spread& spread) {
  return {{"p50_us", spread.at(0.5)},
          {"p99_us", spread.at(0.99)},
          {"p999_us", spread.at(0.999)},
          {"max_us", spread.at(1)},
          {"count", spread.count()}};
}

/// Whether this thread has had to make way for another.
class Interruptions {
 public:
  /// Since the last call.
  bool any() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return std::exchange(count_, usage.ru_nivcsw) != usage.ru_nivcsw;
  }

 private:
  long count_ = 0;
};

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options),
        prompts_(std::max<std::size_t>(1, options.pairs / options.holders_of_block / options.prompt_blocks)),
        index_(options.pairs + options.holders * options.prompt_blocks) {
    for (std::size_t i = 0; i < options.holders; ++i) peers_.push_back(peer(i));
  }

  void fill() {
    const std::size_t before = resident_bytes();
    std::vector<double> insertions;
    insertions.reserve(options_.pairs);
    // The list of times is no part of the index.
    std::fill_n(std::back_inserter(insertions), options_.pairs, 0.0);
    insertions.clear();
    const std::size_t with_list = resident_bytes();
    const double seconds = seconds_of([&] {
      for (std::size_t prompt = 0; prompt < prompts_; ++prompt) store(prompt, holders_of(prompt), &insertions);
    });
    const std::size_t pairs = index_.pairs();
    print({{"event", "filled"},
           {"pairs", pairs},
           {"blocks", prompts_ * options_.prompt_blocks},
           {"holders", options_.holders},
           {"seconds", seconds},
           {"accounted_bytes", index_.bytes()},
           {"resident_bytes", resident_bytes() - with_list},
           {"other_bytes", with_list - before}});
    auto event = spread_json(Spread(std::move(insertions)));
    event["event"] = "insertion";
    event["max_undisturbed_us"] = longest_undisturbed_us_;
    print(event);
  }

  void look_up() {
    measure(
        "held", [&](std::mt19937_64& random) { return keys_of(random() % prompts_, options_.prompt_blocks); },
        options_.prompt_blocks, options_.holders_of_block);
    measure(
        "missing",
        [&](std::mt19937_64& random) { return keys_of(prompts_ + random() % prompts_, options_.prompt_blocks); }, 0, 0);
    measure(
        "half",
        [&](std::mt19937_64& random) {
          auto keys = keys_of(random() % prompts_, options_.prompt_blocks / 2);
          const auto rest = keys_of(prompts_ + random() % prompts_, options_.prompt_blocks);
          keys.insert(keys.end(), rest.begin() + static_cast<std::ptrdiff_t>(keys.size()), rest.end());
          return keys;
        },
        options_.prompt_blocks / 2, options_.holders_of_block);
    std::vector<std::size_t> everybody(options_.holders);
    for (std::size_t i = 0; i < everybody.size(); ++i) everybody[i] = i;
    store(kPopular, everybody, nullptr);
    measure(
        "popular", [&](std::mt19937_64&) { return keys_of(kPopular, options_.prompt_blocks); }, options_.prompt_blocks,
        std::min(kAnswers, options_.holders));
  }

  void forget() {
    std::vector<double> times;
    for (const auto& id : peers_) times.push_back(1e6 * seconds_of([&] { index_.forget(id); }));
    auto event = spread_json(Spread(std::move(times)));
    event["event"] = "forget";
    event["pairs_each"] = options_.pairs / options_.holders;
    print(event);
  }

 private:
  std::vector<std::size_t> holders_of(std::uint64_t prompt) const {
    std::mt19937_64 random(prompt ^ options_.seed);
    std::vector<std::size_t> holders;
    while (holders.size() < std::min(options_.holders_of_block, options_.holders)) {
      const std::size_t holder = random() % options_.holders;
      if (std::find(holders.begin(), holders.end(), holder) == holders.end()) holders.push_back(holder);
    }
    return holders;
  }

  void store(std::uint64_t prompt, const std::vector<std::size_t>& holders, std::vector<double>* times) {
    const auto keys = keys_of(prompt, options_.prompt_blocks);
    for (std::size_t holder : holders) {
      for (const BlockKey& key : keys) {
        const double us = 1e6 * seconds_of([&] { index_.stored(peers_[holder], 1, {&key, 1}); });
        if (times == nullptr) continue;
        times->push_back(us);
        // The longest of all may be another process's turn.
        if (us > longest_undisturbed_us_ && !interruptions_.any()) longest_undisturbed_us_ = us;
      }
    }
  }

  template <class KeysOf>
  void measure(const char* name, KeysOf&& next_keys, std::size_t run, std::size_t holders) {
    std::mt19937_64 random(options_.seed);
    std::vector<double> times;
    for (std::size_t i = 0; i < options_.lookups; ++i) {
      const auto keys = next_keys(random);
      std::vector<BlockIndex::Holder> found;
      times.push_back(1e6 * seconds_of([&] { found = index_.holders(keys, 0, kAnswers); }));
      // Prefixes that collide would show here.
      if (found.size() != holders || (holders > 0 && found.back().blocks != run)) ++wrong_;
    }
    auto event = spread_json(Spread(std::move(times)));
    event["event"] = "lookup";
    event["prompts"] = name;
    event["wrong"] = std::exchange(wrong_, 0);
    print(event);
  }

  const Options options_;
  const std::size_t prompts_;
  std::vector<PeerId> peers_;
  BlockIndex index_;
  std::size_t wrong_ = 0;
  double longest_undisturbed_us_ = 0;
  Interruptions interruptions_;
};

void print_floors(const Options& options, std::size_t bytes) {
  const auto reads = measure_cold_reads(bytes, options.prompt_blocks, std::min<std::size_t>(options.lookups, 5000), 7);
  auto dependent = spread_json(reads.dependent);
  dependent["event"] = "dependent_reads";
  print(dependent);
  auto independent = spread_json(reads.independent);
  independent["event"] = "independent_reads";
  print(independent);
}

void print_keys(const Options& options) {
  const KeyRates rates = measure_keys(options.prompt_blocks * 16, options.key_rounds);
  print({{"event", "keys"},
         {"message_bytes", rates.message_bytes},
         {"keys_mb_s", rates.keys_mb_s},
         {"library_mb_s", rates.library_mb_s},
         {"one_shot_mb_s", rates.one_shot_mb_s},
         {"prompt_us", rates.prompt_us}});
}

}  // namespace
}  // namespace kvp2p::bench

int main(int argc, char** argv) {
  kvp2p::bench::Options options;
  CLI::App app("measures the index of who holds which block, and hashing of prompts");
  app.add_option("--pairs", options.pairs, "pairs of block and holder")->check(CLI::Range(1024, 200'000'000));
  app.add_option("--holders", options.holders, "who hold them")->check(CLI::Range(1, 4096));
  app.add_option("--holders-of-block", options.holders_of_block, "of each block")->check(CLI::Range(1, 64));
  app.add_option("--prompt-blocks", options.prompt_blocks, "of 16 tokens")->check(CLI::Range(1, 8192));
  app.add_option("--lookups", options.lookups, "of each kind")->check(CLI::Range(1, 10'000'000));
  app.add_option("--key-rounds", options.key_rounds, "prompts hashed")->check(CLI::Range(1, 1'000'000));
  app.add_option("--seed", options.seed, "of what is random");
  CLI11_PARSE(app, argc, argv);
  kvp2p::bench::print_keys(options);
  // Of the index's size, and made before it, so that both get huge pages alike.
  kvp2p::bench::print_floors(options, options.pairs * 32);
  kvp2p::bench::Bench bench(options);
  bench.fill();
  bench.look_up();
  bench.forget();
}
