#include "exchange/testing/test_node.h"

#include "exchange/frame_packer.h"

namespace kvp2p::testing {

base::Bytes test_cluster_key() { return base::Bytes(32, 0x42); }

void CollectingSink::on_frame(ReceivedFrame frame) {
  EXPECT_FALSE(outcome) << "after the end";
  ++frames;
  layer_order.push_back(frame.layer);
  if (frame.packed_bytes > 0) ++packed_frames;
  const bool good = frame.packed_bytes == 0 || unpack_frame(frame.payload, frame.packed_bytes, test_format());
  if (!good || !leaves_match(frame.payload, head_slice_bytes, frame.leaves)) ++bad_leaves;
  const std::uint32_t count = frame.layers * frame.blocks;
  const std::size_t slice = frame.payload.size() / count;
  for (std::uint32_t i = 0; i < count; ++i) {
    slices[{frame.layer + i / frame.blocks, frame.first_block + i % frame.blocks}] =
        base::to_bytes(frame.payload.subspan(i * slice, slice));
  }
  if (hoard) hoarded.push_back(std::move(frame.staging));
  if (also) also();
}

void CollectingSink::on_gone(std::uint32_t first_block, std::uint32_t blocks) {
  EXPECT_FALSE(outcome) << "after the end";
  for (std::uint32_t i = 0; i < blocks; ++i) gone.insert(first_block + i);
}

void CollectingSink::on_end(base::Result<> result) {
  EXPECT_FALSE(outcome) << "ended twice";
  outcome = result;
}

TestNode::TestNode(const base::Executor& executor, base::Clock& clock, std::uint8_t number, TestNodeOptions options)
    : host(executor, number), blocks(executor) {
  std::shared_ptr<std::uint8_t[]> memory(new std::uint8_t[options.slot_bytes * options.staging_slots]);
  staging = StagingPool::create(std::move(memory), options.slot_bytes, options.staging_slots);
  memory.reset(new std::uint8_t[options.slot_bytes * options.pack_slots]);
  pack_room = StagingPool::create(std::move(memory), options.slot_bytes, options.pack_slots);
  ExchangeConfig config;
  config.cluster_key = options.cluster_key;
  config.open = options.open;
  config.trusted_peers = options.trusted;
  config.frame_bytes_max = options.frame_bytes_max;
  config.data_connections_max = options.data_connections_max;
  host.speaks_data = options.data_connections_max > 0;
  config.access = options.access;
  config.direct_server = options.direct_server;
  config.direct_client = options.direct_client;
  config.pack = {options.pack, pack_room, [this](std::function<void()> call) {
                   aside.push_back(std::move(call));
                   if (!hold_up_aside) run_aside();
                 }};
  exchange = Exchange::create(executor, clock, host, staging, blocks, index, std::move(config));
}

void TestNode::run_aside() {
  for (auto& call : std::exchange(aside, {})) call();
}

ExchangeTest::~ExchangeTest() { close_all(); }

TestNode& ExchangeTest::add_node(TestNodeOptions options) {
  const auto number = static_cast<std::uint8_t>(nodes_.size() + 1);
  nodes_.push_back(std::make_unique<TestNode>(io_.get_executor(), clock_, number, std::move(options)));
  return *nodes_.back();
}

void ExchangeTest::poll() {
  io_.restart();
  io_.poll();
}

void ExchangeTest::advance(base::Duration time) {
  clock_.advance(time);
  poll();
}

void ExchangeTest::close_all() {
  for (auto& node : nodes_) {
    if (!node->exchange) continue;
    node->blocks.let_reads_go_on();
    node->hold_up_aside = false;
    node->run_aside();
    auto closed = std::make_shared<bool>(false);
    auto close = [](Exchange& exchange, std::shared_ptr<bool> done) -> base::Task<> {
      co_await exchange.close();
      *done = true;
    };
    base::spawn(io_.get_executor(), close(*node->exchange, closed));
    poll();
    EXPECT_TRUE(*closed) << "a coroutine of the exchange did not end";
    EXPECT_EQ(node->staging->free_slots(), node->staging->slots()) << "a staging slot leaked";
    EXPECT_EQ(node->pack_room->free_slots(), node->pack_room->slots()) << "a packed frame leaked";
  }
  for (auto& node : nodes_) {
    base::spawn(io_.get_executor(), node->host.close());
    poll();
    node->exchange.reset();
  }
}

LookupRequest ExchangeTest::request(std::uint32_t first, std::uint32_t count) {
  LookupRequest asked;
  asked.model_fields = test_model();
  asked.fingerprint = fingerprint_of(asked.model_fields);
  asked.format = test_format();
  for (std::uint32_t i = 0; i < count; ++i) asked.keys.push_back(test_key(first + i));
  asked.lease_time = std::chrono::seconds(10);
  return asked;
}

LookupAnswer ExchangeTest::look_up(TestNode& node, const multiformats::PeerId& peer, LookupRequest asked) {
  auto result = finish(node.exchange->lookup(peer, std::move(asked), in(std::chrono::seconds(2))));
  if (!result || !*result) {
    ADD_FAILURE() << (result ? result->error().message() : "no answer");
    return {};
  }
  return **result;
}

FetchRequest ExchangeTest::fetch_request(const multiformats::PeerId& peer, const LookupAnswer& answer,
                                         std::uint32_t first, std::uint32_t blocks) {
  FetchRequest wanted;
  wanted.peer = peer;
  wanted.lease = answer.lease;
  wanted.format = test_format();
  wanted.first_block = first;
  wanted.blocks = blocks;
  wanted.layers = {0, 1, 2};
  wanted.head_end = 4;
  return wanted;
}

void ExchangeTest::expect_slices(const CollectingSink& sink, std::uint32_t key_first, std::uint32_t first,
                                 std::uint32_t blocks) {
  EXPECT_EQ(sink.bad_leaves, 0u);
  const ObjectFormat format = test_format();
  const std::size_t slice = format.layer_slice_bytes();
  for (std::uint32_t block = first; block < first + blocks; ++block) {
    const base::Bytes whole = test_block(test_key(key_first + block), format);
    for (std::uint32_t layer = 0; layer < 3; ++layer) {
      auto at = sink.slices.find({layer, block});
      ASSERT_NE(at, sink.slices.end()) << "layer " << layer << " block " << block;
      const auto expected = base::ConstBytes(whole).subspan(layer * slice, slice);
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), at->second.begin(), at->second.end()));
    }
  }
}

}  // namespace kvp2p::testing
