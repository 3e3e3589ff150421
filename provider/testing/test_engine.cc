#include "provider/testing/test_engine.h"

#include <gtest/gtest.h>

#include <cstring>

namespace kvp2p::testing {

using namespace std::chrono_literals;

ModelSpec test_model(const Shape& shape, const std::string& seed) {
  ModelSpec spec;
  spec.weights_digest = seed;
  spec.architecture = "test";
  spec.layers = shape.layers;
  spec.kv_heads = shape.heads;
  spec.head_dim = shape.head_dim;
  spec.planes = shape.planes;
  spec.kv_element = shape.element;
  return spec;
}

std::vector<TokenId> test_tokens(std::size_t blocks, std::uint32_t seed) {
  std::vector<TokenId> tokens(blocks * kBlockTokens);
  std::mt19937 random(seed);
  for (TokenId& token : tokens) token = random();
  return tokens;
}

namespace {

/// One slice in wire order.
std::vector<std::uint8_t> slice_of(const BlockKey& key, std::uint32_t layer, const ObjectFormat& format) {
  std::uint64_t state = 0;
  std::memcpy(&state, key.bytes.data(), sizeof state);
  state = (state ^ layer) * 0x9E3779B97F4A7C15u;
  std::vector<std::uint8_t> slice(format.layer_slice_bytes());
  for (auto& byte : slice) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<std::uint8_t>(state >> 56);
  }
  return slice;
}

}  // namespace

TestEngine::TestEngine(KvCore& core, NamedLayout named, const ModelSpec& spec)
    : core_(core), named_(std::move(named)), memory_(named_.region_bytes, kPoison) {
  region_ = core.register_region(memory_.data(), memory_.size(), named_.layout).value();
  fingerprint_ = core.register_model(spec);
}

TestEngine::~TestEngine() { core_.unregister_region(region_); }

void TestEngine::compute(const std::vector<BlockKey>& keys, std::size_t block, Slot slot) {
  const ObjectFormat& format = layout().format;
  const std::size_t element = element_bytes(format.element);
  for (std::uint32_t layer = 0; layer < format.shard.layers(); ++layer) {
    const auto slice = slice_of(keys[block], layer, format);
    const std::uint8_t* from = slice.data();
    for (std::uint32_t head = 0; head < format.shard.heads(); ++head) {
      for (std::uint32_t plane = 0; plane < format.planes; ++plane) {
        for (std::uint32_t token = 0; token < kBlockTokens; ++token) {
          std::memcpy(&memory_[element_offset(layout(), layer, slot, head, plane, token, 0)], from,
                      format.head_dim * element);
          from += format.head_dim * element;
        }
      }
    }
  }
}

bool TestEngine::holds(const BlockKey& key, std::uint32_t layer, Slot slot) const {
  return naive_gather(layout(), memory_.data(), layer, slot) == slice_of(key, layer, layout().format);
}

bool TestEngine::holds(const BlockKey& key, Slot slot) const {
  for (std::uint32_t layer = 0; layer < layout().format.shard.layers(); ++layer) {
    if (!holds(key, layer, slot)) return false;
  }
  return true;
}

bool TestEngine::is_poisoned(Slot slot) const {
  for (std::uint32_t layer = 0; layer < layout().format.shard.layers(); ++layer) {
    for (const std::uint8_t byte : naive_gather(layout(), memory_.data(), layer, slot)) {
      if (byte != kPoison) return false;
    }
  }
  return true;
}

void TestEngine::poison() { std::fill(memory_.begin(), memory_.end(), kPoison); }

std::unique_ptr<Node> start_test_node(std::size_t store_bytes_max) {
  NodeConfig config;
  config.ephemeral_identity = true;
  config.mdns = false;
  config.cluster_key = std::string(64, 'a');
  config.listen_addresses = {*multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/0")};
  config.store_bytes_max = store_bytes_max;
  config.staging_slot_bytes = 1u << 20;
  config.staging_slots = 16;
  auto node = Node::start(std::move(config));
  EXPECT_TRUE(node) << node.error().message();
  return std::move(*node);
}

void connect(Node& a, Node& b) {
  const auto addresses = a.addresses();
  ASSERT_FALSE(addresses.empty());
  auto connected = b.connect(addresses.front(), 10s);
  ASSERT_TRUE(connected) << connected.error().message();
  ASSERT_TRUE(a.wait_for_peers(1, 10s));
}

void publish(TestEngine& engine, const std::vector<BlockKey>& keys, std::size_t blocks) {
  PutRequest put;
  put.fingerprint = engine.fingerprint();
  put.region = engine.region();
  for (Slot slot = 0; slot < blocks; ++slot) {
    engine.compute(keys, slot, slot);
    put.keys.push_back(keys[slot]);
    put.slots.push_back(slot);
  }
  const PutId id = engine.core().put(std::move(put)).value();
  auto published = engine.core().wait_published(id, in(10s));
  ASSERT_TRUE(published) << published.error().message();
  engine.core().release(id);
}

}  // namespace kvp2p::testing
