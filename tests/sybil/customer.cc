#include "tests/sybil/customer.h"

#include "base/small_file.h"

#include <gtest/gtest.h>

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

std::string cluster_file(std::size_t honest_named) {
  std::string ids;
  for (std::size_t i = 0; i < honest_named; ++i) {
    const auto id = multiformats::PeerId::from_public_key(key_of(Character::kHonest, i).public_key());
    ids += (i == 0 ? "\"" : ", \"") + id.to_text() + "\"";
  }
  const auto grant = [](const std::string& peers, const std::string& rights) {
    return R"({"peers": [)" + peers + R"(], "models": ["*"], "tenants": ["*"], "may": [)" + rights + "]}";
  };
  return R"({"version": 1, "grants": [)" + grant(ids, R"("read", "announce")") + ", " +
         grant(R"("cluster")", R"("read")") + "]}";
}

}  // namespace

void Shopping::add(const Shopping& more) {
  look_ups.insert(look_ups.end(), more.look_ups.begin(), more.look_ups.end());
  fetching += more.fetching;
  bytes += more.bytes;
  blocks_wanted += more.blocks_wanted;
  blocks_arrived += more.blocks_arrived;
  blocks_wrong += more.blocks_wrong;
}

double Shopping::percentile_ms(double percent) const {
  auto sorted = look_ups;
  std::ranges::sort(sorted);
  if (sorted.empty()) return 0;
  const auto place = static_cast<std::size_t>(static_cast<double>(sorted.size() - 1) * percent / 100);
  return std::chrono::duration<double, std::milli>(sorted[place]).count();
}

double Shopping::bytes_per_s() const {
  const double seconds = std::chrono::duration<double>(fetching).count();
  return seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
}

Customer::Customer(std::size_t honest_named) {
  NodeConfig config = testing::test_node_config();
  if (honest_named > 0) {
    std::string pattern = (std::filesystem::temp_directory_path() / "sybil_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    config.cluster_file = folder_ / "cluster.json";
    EXPECT_TRUE(base::write_small_file(config.cluster_file, cluster_file(honest_named), 0600));
  }
  auto node = Node::start(std::move(config));
  EXPECT_TRUE(node) << node.error().message();
  node_ = std::move(*node);
  engine_ = std::make_unique<testing::TestEngine>(node_->core(), testing::hnd(shape()), testing::test_model(shape()));
}

Customer::~Customer() {
  engine_.reset();
  node_.reset();
  if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

Wares Customer::make_wares(const WaresSize& size) const {
  assert(size.blocks <= kBlocksMax);
  return sybil::make_wares(engine_->fingerprint(), testing::test_model(shape()).fields(), engine_->format(), size);
}

SwarmConfig Customer::peers(Character character, std::size_t count) const {
  SwarmConfig config;
  config.character = character;
  config.peers = count;
  config.cluster_key = base::Bytes(32, 0xaa);  // as testing::test_node_config() has it
  return config;
}

Shopping Customer::shop(const Wares& wares, std::size_t begin, std::size_t end, const std::function<void()>& between) {
  KvCore& core = node_->core();
  Shopping shopping;
  for (std::size_t prompt = begin; prompt < end; ++prompt) {
    const auto& keys = wares.prompts[prompt];
    shopping.blocks_wanted += wares.honest_blocks;
    const auto asked = std::chrono::steady_clock::now();
    const MatchId match = core.match({engine_->fingerprint(), keys, {engine_->format()}, testing::in(kMatchTime)});
    const auto matched = core.wait_match(match, testing::in(2 * kMatchTime));
    shopping.look_ups.push_back(std::chrono::steady_clock::now() - asked);
    if (between) between();
    if (matched && matched->blocks > 0) fetch(keys, match, matched->blocks, shopping);
    core.release(match);
  }
  return shopping;
}

void Customer::fetch(const std::vector<BlockKey>& keys, MatchId match, std::size_t found, Shopping& shopping) {
  KvCore& core = node_->core();
  engine_->poison();
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

std::uint64_t Customer::counter(const std::string& name) const {
  for (const auto& [known, value] : node_->core().stats().counters) {
    if (known == name) return value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

}  // namespace kvp2p::sybil
