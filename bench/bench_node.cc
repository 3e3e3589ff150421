#include "bench/bench_node.h"

#include <cstdio>
#include <cstdlib>
#include <random>

namespace kvp2p::bench {

namespace {

using namespace std::chrono_literals;

base::TimePoint in(base::Duration time) { return std::chrono::steady_clock::now() + time; }

[[noreturn]] void fail(const char* what, const std::string& why) {
  std::fprintf(stderr, "bench: %s: %s\n", what, why.c_str());
  std::exit(1);
}

template <class T>
T value_or_exit(base::Result<T> result, const char* what) {
  if (!result) fail(what, result.error().message());
  return std::move(*result);
}

LayoutDesc nhd_layout(const KvShape& shape) {
  LayoutDesc layout;
  layout.format = shape.format();
  layout.head_stride = shape.head_dim * sizeof(float);
  layout.token_stride = shape.kv_heads * layout.head_stride;
  layout.block_stride = kBlockTokens * layout.token_stride;
  layout.engine_blocks = shape.blocks;
  const std::size_t plane = layout.block_stride * shape.blocks;
  for (std::uint32_t l = 0; l < shape.layers; ++l) layout.layers.push_back({2 * l * plane, (2 * l + 1) * plane});
  return layout;
}

ModelSpec spec_of(const KvShape& shape) {
  ModelSpec spec;
  spec.weights_digest = "none: random numbers of a benchmark";
  spec.architecture = "bench";
  spec.layers = shape.layers;
  spec.kv_heads = shape.kv_heads;
  spec.head_dim = shape.head_dim;
  return spec;
}

}  // namespace

ObjectFormat KvShape::format() const {
  ObjectFormat format;
  format.head_dim = head_dim;
  format.shard = {0, layers, 0, kv_heads};
  return format;
}

BenchNode::BenchNode(const KvShape& shape, const std::string& cluster_key, const std::string& config_dir)
    : shape_(shape), cache_(shape.bytes() / sizeof(float)) {
  NodeConfig config;
  config.config_dir = config_dir;
  config.ephemeral_identity = true;
  config.cluster_key = cluster_key;
  config.mdns = false;
  config.listen_addresses = {*multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/0")};
  config.store_bytes_max = shape.bytes() + (64u << 20);
  node_ = value_or_exit(Node::start(std::move(config)), "cannot start a node");
  KvCore& core = node_->core();
  region_ = value_or_exit(core.register_region({cache_.data(), shape.bytes()}, nhd_layout(shape)), "register_region");
  fingerprint_ = core.register_model(spec_of(shape));
  std::vector<TokenId> tokens(std::size_t{shape.blocks} * kBlockTokens);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<TokenId>(i * 2654435761u);
  keys_ = keys_from_tokens(fingerprint_, tokens);
  for (Slot slot = 0; slot < shape.blocks; ++slot) slots_.push_back(slot);
}

void BenchNode::publish() {
  std::minstd_rand random(1);
  for (float& value : cache_) value = static_cast<float>(random()) * 1e-9f;
  KvCore& core = node_->core();
  const PutId put = value_or_exit(core.put({fingerprint_, keys_, region_, slots_, {}, Priority::kHigh}), "put");
  auto published = core.wait_published(put, in(60s));
  if (!published) fail("publish", published.error().message());
  const PutReport report = value_or_exit(core.put_report(put), "put_report");
  if (report.blocks_published != keys_.size()) fail("publish", "blocks were dropped");
  core.release(put);
}

void BenchNode::connect(const std::string& address) {
  auto connected = node_->connect(value_or_exit(multiformats::Multiaddr::from_text(address), "address"), 10s);
  if (!connected) fail("connect", connected.error().message());
}

bool BenchNode::get_all() {
  KvCore& core = node_->core();
  const MatchId match = core.match({fingerprint_, keys_, {shape_.format()}, in(10s)});
  GetRequest get;
  get.match = match;
  get.region = region_;
  get.slots = slots_;
  get.deadline = in(60s);
  bool all = false;
  auto found = core.wait_match(match, in(10s));
  if (found && found->blocks == keys_.size()) {
    if (auto transfer = core.get(get)) {
      auto status = core.wait_transfer(*transfer, in(60s));
      all = status && status->done && status->good_blocks == keys_.size();
      core.release(*transfer);
    }
  }
  core.release(match);
  return all;
}

}  // namespace kvp2p::bench
