#include "provider/testing/test_engine.h"

#include "provider/node_impl.h"

#include <gtest/gtest.h>
#include <boost/asio/post.hpp>

#include <future>

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

TestEngine::TestEngine(KvCore& core, NamedLayout named, const ModelSpec& spec, bool shared)
    : EngineMemory(std::move(named), shared), core_(core) {
  region_ = core.register_region(as_region(), layout()).value();
  fingerprint_ = core.register_model(spec);
}

TestEngine::~TestEngine() { core_.unregister_region(region_); }

NodeConfig test_node_config() {
  NodeConfig config;
  config.ephemeral_identity = true;
  config.mdns = false;
  config.cluster_key = std::string(64, 'a');
  config.listen_addresses = {*multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/0")};
  config.staging_slot_bytes = 1u << 20;
  config.staging_slots = 16;
  return config;
}

std::unique_ptr<Node> start_test_node(std::size_t store_bytes_max) {
  NodeConfig config = test_node_config();
  config.store_bytes_max = store_bytes_max;
  auto node = Node::start(std::move(config));
  EXPECT_TRUE(node) << node.error().message();
  return std::move(*node);
}

void run_on_node(Node& node, const std::function<void()>& call) {
  std::promise<void> ran;
  boost::asio::post(static_cast<NodeImpl&>(node).io(), [&] {
    call();
    ran.set_value();
  });
  ran.get_future().wait();
}

void corrupt_stored(Node& node, const BlockKey& key, const ObjectFormat& format, std::size_t byte) {
  run_on_node(node, [&] {
    BlockPin pin = static_cast<NodeImpl&>(node).manager().local_blocks().store().find(key, format);
    ASSERT_TRUE(pin);
    pin->bytes[byte] ^= 1;
  });
}

std::size_t leases_of(Node& node) {
  std::size_t leases = 0;
  run_on_node(node, [&] { leases = static_cast<NodeImpl&>(node).manager().local_blocks().leases(); });
  return leases;
}

StalledNode::StalledNode(Node& node) {
  auto stalled = std::make_shared<std::promise<void>>();
  auto entered = stalled->get_future();
  boost::asio::post(static_cast<NodeImpl&>(node).io(), [resume = resume_, stalled] {
    stalled->set_value();
    resume->wait();
  });
  entered.wait();
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
    engine.compute(keys[slot], slot);
    put.keys.push_back(keys[slot]);
    put.slots.push_back(slot);
  }
  const PutId id = engine.core().put(std::move(put)).value();
  auto published = engine.core().wait_published(id, in(10s));
  ASSERT_TRUE(published) << published.error().message();
  engine.core().release(id);
}

}  // namespace kvp2p::testing
