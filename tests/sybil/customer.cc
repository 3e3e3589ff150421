#include "tests/sybil/customer.h"

#include <algorithm>

namespace kvp2p::sybil {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBlocksMax = 32;
constexpr base::Duration kMatchTime = 2s;
constexpr base::Duration kGetTime = 20s;

/// 16 KiB a layer slice, 64 KiB a block.
testing::Shape shape() {
  testing::Shape shape;
  shape.layers = 4;
  shape.heads = 2;
  shape.head_dim = 64;
  shape.engine_blocks = kBlocksMax;
  return shape;
}

}  // namespace

double Shopping::p99_ms() const {
  auto sorted = look_ups;
  std::ranges::sort(sorted);
  if (sorted.empty()) return 0;
  return std::chrono::duration<double, std::milli>(sorted[(sorted.size() - 1) * 99 / 100]).count();
}

double Shopping::bytes_per_s() const {
  const double seconds = std::chrono::duration<double>(fetching).count();
  return seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
}

Customer::Customer()
    : node_(testing::start_test_node()),
      engine_(
          std::make_unique<testing::TestEngine>(node_->core(), testing::hnd(shape()), testing::test_model(shape()))),
      model_(testing::test_model(shape())) {}

void Customer::make_wares(std::size_t prompts, std::size_t blocks, std::size_t honest_blocks) {
  assert(blocks <= kBlocksMax);
  wares_ = std::make_unique<Wares>(
      sybil::make_wares(engine_->fingerprint(), model_.fields(), engine_->format(), prompts, blocks, honest_blocks));
}

SwarmConfig Customer::peers(Character character, std::size_t count) const {
  SwarmConfig config;
  config.character = character;
  config.peers = count;
  config.cluster_key = base::Bytes(32, 0xaa);  // as testing::test_node_config() has it
  config.niceness = character == Character::kHonest ? 0 : 19;
  return config;
}

Shopping Customer::shop(std::size_t begin, std::size_t end) {
  KvCore& core = node_->core();
  Shopping shopping;
  for (std::size_t prompt = begin; prompt < end; ++prompt) {
    const auto& keys = wares_->prompts[prompt];
    shopping.blocks_wanted += wares_->honest_blocks;
    engine_->poison();
    const auto asked = std::chrono::steady_clock::now();
    const MatchId match = core.match({engine_->fingerprint(), keys, {engine_->format()}, testing::in(kMatchTime)});
    const auto matched = core.wait_match(match, testing::in(2 * kMatchTime));
    shopping.look_ups.push_back(std::chrono::steady_clock::now() - asked);
    const std::size_t found = matched ? matched->blocks : 0;
    if (found > 0) {
      GetRequest get;
      get.match = match;
      get.region = engine_->region();
      for (Slot slot = 0; slot < found; ++slot) get.slots.push_back(slot);
      get.deadline = testing::in(kGetTime);
      const auto began = std::chrono::steady_clock::now();
      const TransferId transfer = core.get(get).value();
      const auto status = core.wait_transfer(transfer, testing::in(2 * kGetTime));
      shopping.fetching += std::chrono::steady_clock::now() - began;
      const std::size_t good = status ? status->good_blocks : 0;
      for (Slot slot = 0; slot < good; ++slot) shopping.blocks_wrong += engine_->holds(keys[slot], slot) ? 0 : 1;
      shopping.blocks_arrived += good;
      shopping.bytes += good * engine_->format().block_bytes();
      core.release(transfer);
    }
    core.release(match);
  }
  return shopping;
}

std::map<std::string, std::uint64_t> Customer::counters() const {
  std::map<std::string, std::uint64_t> counters;
  for (const auto& [name, value] : node_->core().stats().counters) counters[name] = value;
  return counters;
}

}  // namespace kvp2p::sybil
