#include "cache/local_block_set.h"

#include "cache/testing/cache_fixture.h"
#include "exchange/exchange_error.h"

#include <boost/asio/co_spawn.hpp>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

class LocalBlockSetTest : public testing::CacheTest {
 protected:
  LookupRequest lookup_request(std::size_t blocks = kBlocks) {
    LookupRequest lookup;
    lookup.fingerprint = fingerprint_;
    lookup.model_fields = model_.fields();
    lookup.format = engine_.format();
    lookup.keys.assign(keys_.begin(), keys_.begin() + static_cast<std::ptrdiff_t>(blocks));
    lookup.lease_time = 10s;
    return lookup;
  }
  LookupAnswer lookup(const LookupRequest& request) { return local().lookup(peer_, request); }
  LocalBlockSet& local() { return manager_->local_blocks(); }

  static base::Task<> run_read(LocalBlockSet& set, multiformats::PeerId peer, LeaseToken lease, std::uint32_t first,
                               std::uint32_t count, ShardRange part,
                               std::shared_ptr<std::optional<base::Result<SliceRead>>> out) {
    auto read = co_await set.read(peer, lease, first, count, part);
    out->emplace(std::move(read));
  }
  std::shared_ptr<std::optional<base::Result<SliceRead>>> start_read(LeaseToken lease, std::uint32_t first,
                                                                     std::uint32_t count, ShardRange part) {
    auto out = std::make_shared<std::optional<base::Result<SliceRead>>>();
    base::spawn(io_.get_executor(), run_read(local(), peer_, lease, first, count, part, out));
    return out;
  }
  base::Result<SliceRead> read(LeaseToken lease, std::uint32_t first, std::uint32_t count, ShardRange part) {
    auto out = start_read(lease, first, count, part);
    run_until([&] { return out->has_value(); });
    return **out;
  }
  base::Result<SliceRead> read(LeaseToken lease, std::uint32_t first, std::uint32_t count, std::uint32_t layer,
                               std::uint32_t head_begin = 0, std::uint32_t head_end = 2) {
    return read(lease, first, count, {layer, layer + 1, head_begin, head_end});
  }
  static base::Bytes joined(const SliceRead& read) {
    base::Bytes bytes;
    for (const auto part : read.parts) base::append(bytes, part);
    return bytes;
  }
  void expect_layer(const SliceRead& read, std::size_t first, std::size_t count, std::uint32_t layer) {
    expect_layers(read, first, count, layer, layer + 1);
  }
  void expect_layers(const SliceRead& read, std::size_t first, std::size_t count, std::uint32_t begin,
                     std::uint32_t end) {
    base::Bytes expected;
    for (std::uint32_t layer = begin; layer < end; ++layer) {
      for (std::size_t i = first; i < first + count; ++i) {
        base::append(expected, testing::slice_content(keys_[i], layer, engine_.format()));
      }
    }
    EXPECT_EQ(joined(read), expected);
    EXPECT_TRUE(leaves_match(expected, engine_.format().head_slice_bytes(), read.leaves));
  }
  OfferId offer(std::size_t first, std::size_t end) {
    PutRequest offered;
    offered.fingerprint = fingerprint_;
    offered.region = region_;
    for (std::size_t block = first; block < end; ++block) {
      engine_.compute(keys_[block], static_cast<Slot>(block));
      offered.keys.push_back(keys_[block]);
      offered.slots.push_back(static_cast<Slot>(block));
    }
    const OfferId id = manager_->offer(std::move(offered)).value();
    settle();
    return id;
  }

  const multiformats::PeerId peer_ = testing::new_peer_id();
};

TEST_F(LocalBlockSetTest, StoredBlocksAreFoundLeasedAndRead) {
  put_blocks(0, 5);
  const LookupAnswer answer = lookup(lookup_request());
  for (std::size_t i = 0; i < kBlocks; ++i) EXPECT_EQ(answer.blocks[i].present, i < 5) << i;
  ASSERT_TRUE(answer.blocks[0].root);
  EXPECT_EQ(*answer.blocks[0].root, local().store().find(keys_[0], engine_.format())->root);
  const auto read = this->read(answer.lease, 1, 3, 2);
  ASSERT_TRUE(read);
  expect_layer(*read, 1, 3, 2);
}

TEST_F(LocalBlockSetTest, PartOfTheHeadsIsServedWithItsOwnRoot) {
  put_blocks(0, 2);
  LookupRequest part = lookup_request(2);
  part.format.shard.head_begin = 1;
  part.format.shard.layer_end = 2;
  const LookupAnswer answer = lookup(part);
  ASSERT_TRUE(answer.blocks[1].present);
  std::vector<ContentDigest> leaves;
  for (std::uint32_t layer = 0; layer < 2; ++layer) {
    const auto read = this->read(answer.lease, 1, 1, layer, 1, 2);
    ASSERT_TRUE(read);
    EXPECT_EQ(joined(*read), testing::slice_content(keys_[1], layer, part.format));
    leaves.insert(leaves.end(), read->leaves.begin(), read->leaves.end());
  }
  EXPECT_EQ(root_of(leaves), *answer.blocks[1].root);
  EXPECT_EQ(this->read(answer.lease, 0, 1, 2, 1, 2).error(), ExchangeError::kShardNotHeld) << "not asked for";
  EXPECT_EQ(this->read(answer.lease, 0, 1, 0, 0, 2).error(), ExchangeError::kShardNotHeld);
}

TEST_F(LocalBlockSetTest, ReadsOutsideTheLeaseAreRefused) {
  put_blocks(0, 3);
  const LookupAnswer answer = lookup(lookup_request());
  EXPECT_EQ(read(answer.lease, 3, 1, 0).error(), ExchangeError::kBlockGone);
  EXPECT_EQ(read(answer.lease, kBlocks, 1, 0).error(), ExchangeError::kBadRequest);
  EXPECT_EQ(read(answer.lease, 0, 4'000'000'000, 0).error(), ExchangeError::kBadRequest);
  EXPECT_EQ(read(answer.lease, 0, 1, 3).error(), ExchangeError::kShardNotHeld);
  EXPECT_EQ(read(answer.lease, 0, 1, 0, 1, 1).error(), ExchangeError::kShardNotHeld);
  LeaseToken forged = answer.lease;
  forged.mac[0] ^= 1;
  EXPECT_EQ(read(forged, 0, 1, 0).error(), ExchangeError::kLeaseUnknown);
}

TEST_F(LocalBlockSetTest, LeaseEndsByItselfOrWhenReleased) {
  put_blocks(0, 3);
  const LookupAnswer one = lookup(lookup_request()), two = lookup(lookup_request());
  local().release(peer_, one.lease);
  EXPECT_EQ(read(one.lease, 0, 1, 0).error(), ExchangeError::kLeaseUnknown);
  EXPECT_TRUE(read(two.lease, 0, 1, 0));
  advance(11s);
  EXPECT_EQ(read(two.lease, 0, 1, 0).error(), ExchangeError::kLeaseUnknown);
}

TEST_F(LocalBlockSetTest, AnotherModelIsToldTheFieldThatDiffers) {
  put_blocks(0, 3);
  ModelSpec other = model_;
  other.kv_element = ElementType::kBf16;
  LookupRequest request = lookup_request();
  request.fingerprint = fingerprint_of(other);
  request.model_fields = other.fields();
  const LookupAnswer answer = lookup(request);
  EXPECT_FALSE(answer.blocks[0].present);
  EXPECT_NE(answer.reason.find("kv_element (here f32, asked bf16)"), std::string::npos) << answer.reason;
}

TEST_F(LocalBlockSetTest, AnotherShardOrElementTypeIsNamed) {
  put_blocks(0, 3);
  LookupRequest shard = lookup_request(), element = lookup_request();
  shard.format.shard.head_end = 4;
  EXPECT_NE(lookup(shard).reason.find("shard"), std::string::npos);
  element.format.element = ElementType::kF16;
  EXPECT_NE(lookup(element).reason.find("element type (here f32, asked f16)"), std::string::npos);
  LookupRequest invalid = lookup_request();
  invalid.format.head_dim = 1u << 30;
  EXPECT_FALSE(lookup(invalid).reason.empty());
  EXPECT_EQ(lookup(lookup_request()).reason, "");
}

TEST_F(LocalBlockSetTest, OfferedBlocksAreReadInPlace) {
  const OfferId id = offer(0, 4);
  put_blocks(4, 6);
  EXPECT_EQ(exchange_->stored.size(), 6u);
  const LookupAnswer answer = lookup(lookup_request());
  EXPECT_EQ(answer.blocks[0].tier, Tier::kDevice);
  EXPECT_FALSE(answer.blocks[0].root);
  EXPECT_EQ(answer.blocks[4].tier, Tier::kHostMemory);
  auto read = this->read(answer.lease, 1, 5, 1);
  ASSERT_TRUE(read);
  expect_layer(*read, 1, 5, 1);
  EXPECT_LT(staging_->free_slots(), staging_->slots());
  *read = SliceRead();
  settle();  // the worker that ended the copy may hold on to the slot for a moment more
  EXPECT_EQ(staging_->free_slots(), staging_->slots());
  manager_->revoke(id);
  EXPECT_TRUE(manager_->find(id)->wait_unleased(std::chrono::steady_clock::now()));
  settle();
  EXPECT_EQ(this->read(answer.lease, 0, 1, 0).error(), ExchangeError::kBlockGone);
  EXPECT_FALSE(lookup(lookup_request()).blocks[0].present);
  EXPECT_EQ(exchange_->evicted.size(), 4u);
}

TEST_F(LocalBlockSetTest, SeveralLayersOfStoredAndOfferedBlocksAreReadAtOnce) {
  put_blocks(1, 2);
  put_blocks(3, 4);
  offer(0, 1);
  offer(2, 3);
  const LookupAnswer answer = lookup(lookup_request());
  const auto all = read(answer.lease, 0, 4, {0, 3, 0, 2});
  ASSERT_TRUE(all);
  expect_layers(*all, 0, 4, 0, 3);
  const auto last = read(answer.lease, 1, 2, {1, 3, 0, 2});
  ASSERT_TRUE(last);
  expect_layers(*last, 1, 2, 1, 3);
  EXPECT_EQ(read(answer.lease, 0, 4, {1, 4, 0, 2}).error(), ExchangeError::kShardNotHeld);
}

TEST_F(LocalBlockSetTest, OfferRevokedDuringAReadIsAMiss) {
  const OfferId id = offer(0, 4);
  const LookupAnswer answer = lookup(lookup_request());
  auto out = start_read(answer.lease, 0, 4, {0, 1, 0, 2});
  io_.restart();
  io_.poll_one();  // the read has begun: its gather is on its way
  manager_->revoke(id);
  run_until([&] { return out->has_value(); });
  EXPECT_EQ((*out)->error(), ExchangeError::kBlockGone);
  EXPECT_TRUE(manager_->find(id)->wait_unleased(std::chrono::steady_clock::now()));
  settle();
  EXPECT_EQ(staging_->free_slots(), staging_->slots());
}

TEST_F(LocalBlockSetTest, ReadOfAnOfferWaitsForStagingAndGivesUpInTheEnd) {
  offer(0, 4);
  const LookupAnswer answer = lookup(lookup_request());
  std::vector<StagingLease> all;
  while (auto lease = staging_->try_lease()) all.push_back(std::move(*lease));
  auto waiting = start_read(answer.lease, 0, 4, {0, 1, 0, 2});
  settle();
  EXPECT_FALSE(waiting->has_value());
  all.pop_back();
  run_until([&] { return waiting->has_value(); });
  ASSERT_TRUE(**waiting);
  waiting->reset();
  // The worker that ended the copy may hold on to the slot for a moment more.
  run_until([&] { return staging_->free_slots() == 1; });
  all.push_back(*staging_->try_lease());
  auto busy = start_read(answer.lease, 0, 4, {0, 1, 0, 2});
  for (int i = 0; i < 60 && !busy->has_value(); ++i) advance(100ms);
  ASSERT_TRUE(busy->has_value());
  EXPECT_EQ((*busy)->error(), ExchangeError::kBusy);
}

TEST_F(LocalBlockSetTest, OfferIsShownWhenItsEventHasHappened) {
  PutRequest offered;
  offered.fingerprint = fingerprint_;
  offered.region = region_;
  offered.keys = {keys_[0]};
  offered.slots = {0};
  offered.ready.host = std::make_shared<HostEvent>();
  const auto event = offered.ready.host;
  ASSERT_TRUE(manager_->offer(std::move(offered)));
  settle();
  EXPECT_FALSE(lookup(lookup_request()).blocks[0].present);
  event->signal();
  settle();
  EXPECT_TRUE(lookup(lookup_request()).blocks[0].present);
}

TEST_F(LocalBlockSetTest, BlocksThatAPeerPutsAreUsedHereButNeverServed) {
  const LookupRequest offered = lookup_request(2);
  EXPECT_EQ(local().wants(peer_, offered), (std::vector<bool>{true, true}));
  base::Bytes block;
  std::vector<ContentDigest> leaves(engine_.format().leaf_count());
  for (std::uint32_t layer = 0; layer < 3; ++layer) {
    base::append(block, testing::slice_content(keys_[0], layer, engine_.format()));
  }
  compute_leaves(block, engine_.format().head_slice_bytes(), leaves);
  EXPECT_FALSE(
      local().store(peer_, fingerprint_, keys_[0], engine_.format(), base::ConstBytes(block).first(9), leaves));
  EXPECT_TRUE(local().store(peer_, fingerprint_, keys_[0], engine_.format(), block, leaves));
  EXPECT_FALSE(local().store(peer_, fingerprint_, keys_[0], engine_.format(), block, leaves));
  EXPECT_EQ(local().wants(peer_, offered), (std::vector<bool>{false, true}));
  EXPECT_FALSE(lookup(offered).blocks[0].present);
  EXPECT_TRUE(exchange_->stored.empty());
  EXPECT_TRUE(local().snapshot(100).empty());
  auto transfer = start_get(decided_match(1), 1);
  run_until([&] { return transfer->status().done; });
  EXPECT_TRUE(engine_.holds(keys_[0], 0));
}

TEST_F(LocalBlockSetTest, PutsOfUnknownModelsAreNotWanted) {
  LookupRequest offered = lookup_request(2);
  offered.fingerprint.bytes[0] ^= 1;
  EXPECT_EQ(local().wants(peer_, offered), (std::vector<bool>{false, false}));
}

TEST_F(LocalBlockSetTest, SnapshotTellsStoredAndOfferedBlocks) {
  put_blocks(0, 3);
  offer(3, 5);
  const auto held = local().snapshot(100);
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(held[0].keys.size(), 5u);
  EXPECT_EQ(held[0].fingerprint, fingerprint_);
  std::size_t keys = 0;
  for (const auto& group : local().snapshot(4)) keys += group.keys.size();
  EXPECT_LE(keys, 4u);
}

}  // namespace
}  // namespace kvp2p
