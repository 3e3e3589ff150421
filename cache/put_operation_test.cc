#include "cache/put_operation.h"

#include "cache/testing/cache_fixture.h"
#include "gpu/error.h"

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

class PutOperationTest : public testing::CacheTest {
 protected:
  explicit PutOperationTest(std::size_t store_blocks_max = 64) : CacheTest(store_blocks_max) {}

  PutRequest put_request(std::size_t first, std::size_t end) {
    PutRequest put;
    put.fingerprint = fingerprint_;
    put.region = region_;
    for (std::size_t block = first; block < end; ++block) {
      engine_.compute(keys_[block], static_cast<Slot>(block));
      put.keys.push_back(keys_[block]);
      put.slots.push_back(static_cast<Slot>(block));
    }
    return put;
  }
  bool is_stored(std::size_t block) {
    return manager_->local_blocks().store().contains(keys_[block], engine_.format());
  }
};

TEST_F(PutOperationTest, BlocksAreStoredDigestedAndAnnounced) {
  const auto state = manager_->find(manager_->put(put_request(0, 5)).value());
  run_until([&] { return state->published(); });
  EXPECT_TRUE(state->source_released());
  EXPECT_EQ(state->report().blocks_published, 5u);
  EXPECT_EQ(state->report().bytes, 5 * engine_.format().block_bytes());
  EXPECT_EQ(exchange_->stored, std::vector<BlockKey>(keys_.begin(), keys_.begin() + 5));
  BlockPin pin = manager_->local_blocks().store().find(keys_[3], engine_.format());
  for (std::uint32_t layer = 0; layer < 3; ++layer) {
    const auto expected = testing::slice_content(keys_[3], layer, engine_.format());
    const std::uint8_t* stored = pin->bytes.get() + layer * expected.size();
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), stored));
  }
  const auto completions = manager_->completions().drain();
  ASSERT_EQ(completions.size(), 2u);
  EXPECT_EQ(completions[0].kind, Completion::Kind::kSourceReleased);
  EXPECT_EQ(completions[1].kind, Completion::Kind::kPublished);
}

TEST_F(PutOperationTest, BlocksThatAreThereAreNotCopiedAgain) {
  put_blocks(2, 4);
  const auto state = manager_->find(manager_->put(put_request(0, 6)).value());
  run_until([&] { return state->published(); });
  EXPECT_EQ(state->report().blocks_published, 6u);
  EXPECT_EQ(state->report().bytes, 4 * engine_.format().block_bytes());
  for (std::size_t block = 0; block < 6; ++block) {
    BlockPin pin = manager_->local_blocks().store().find(keys_[block], engine_.format());
    const auto expected = testing::slice_content(keys_[block], 0, engine_.format());
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), pin->bytes.get())) << block;
  }
  EXPECT_EQ(exchange_->stored.size(), 6u);
}

TEST_F(PutOperationTest, SourceIsReadAfterTheEnginesEvent) {
  PutRequest put = put_request(0, 2);
  engine_.poison();
  put.ready.host = std::make_shared<HostEvent>();
  const auto event = put.ready.host;
  const auto state = manager_->find(manager_->put(std::move(put)).value());
  settle();
  EXPECT_FALSE(state->source_released());
  engine_.compute(keys_[0], 0);
  engine_.compute(keys_[1], 1);
  event->signal();
  run_until([&] { return state->published(); });
  engine_.poison();
  const MatchId match = decided_match(2);
  auto transfer = start_get(match, 2);
  run_until([&] { return transfer->status().done; });
  EXPECT_TRUE(engine_.holds(keys_[1], 1));
}

TEST_F(PutOperationTest, WaitsHaveDeadlines) {
  PutRequest put = put_request(0, 1);
  put.ready.host = std::make_shared<HostEvent>();
  const auto state = manager_->find(manager_->put(put).value());
  const auto soon = std::chrono::steady_clock::now() + 1ms;
  EXPECT_EQ(state->wait_source_released(soon).error(), KvError::kDeadline);
  EXPECT_EQ(state->wait_published(soon).error(), KvError::kDeadline);
  manager_->stop();
  settle();
  EXPECT_EQ(state->wait_published(soon).error(), KvError::kDropped) << "stopping drops what has not begun";
}

TEST_F(PutOperationTest, LowPriorityIsDroppedFirstWhenManyPutsWait) {
  auto event = std::make_shared<HostEvent>();
  std::vector<std::shared_ptr<PutState>> waiting;
  for (std::size_t i = 0; i < kPutsOpenMax[0]; ++i) {
    PutRequest put = put_request(0, 1);
    put.ready.host = event;
    put.priority = Priority::kLow;
    waiting.push_back(manager_->find(manager_->put(std::move(put)).value()));
  }
  PutRequest low = put_request(1, 3), normal = put_request(1, 3);
  low.priority = Priority::kLow;
  const auto dropped = manager_->find(manager_->put(std::move(low)).value());
  EXPECT_TRUE(dropped->source_released());
  EXPECT_EQ(dropped->report().blocks_dropped, 2u);
  const auto kept = manager_->find(manager_->put(std::move(normal)).value());
  run_until([&] { return kept->published(); });
  EXPECT_EQ(kept->report().blocks_dropped, 0u);
  event->signal();
  run_until([&] { return std::all_of(waiting.begin(), waiting.end(), [](const auto& s) { return s->published(); }); });
}

TEST_F(PutOperationTest, BadRequestsAreRefused) {
  PutRequest none, uneven = put_request(0, 2), outside = put_request(0, 2), unknown = put_request(0, 2);
  none.region = region_;
  uneven.slots.pop_back();
  outside.slots[0] = 1000;
  unknown.region = RegionId{77};
  EXPECT_EQ(manager_->put(none).error(), KvError::kBadRequest);
  EXPECT_EQ(manager_->put(uneven).error(), KvError::kBadRequest);
  EXPECT_EQ(manager_->put(outside).error(), KvError::kSlotOutOfRange);
  EXPECT_EQ(manager_->put(unknown).error(), GpuError::kUnknownRegion);
}

TEST_F(PutOperationTest, UnregisteredMemoryDropsThePut) {
  PutRequest put = put_request(0, 2);
  put.ready.host = std::make_shared<HostEvent>();
  const auto event = put.ready.host;
  const auto state = manager_->find(manager_->put(std::move(put)).value());
  settle();
  manager_->unregister_region(region_);
  event->signal();
  run_until([&] { return state->published(); });
  EXPECT_EQ(state->report().blocks_dropped, 2u);
  EXPECT_FALSE(is_stored(0));
}

class SmallStoreTest : public PutOperationTest {
 protected:
  SmallStoreTest() : PutOperationTest(4) {}
};

TEST_F(SmallStoreTest, EndOfALongPromptIsDroppedNotItsBeginning) {
  const auto state = manager_->find(manager_->put(put_request(0, 10)).value());
  run_until([&] { return state->published(); });
  EXPECT_EQ(state->report().blocks_published, 4u);
  EXPECT_EQ(state->report().blocks_dropped, 6u);
  EXPECT_TRUE(state->source_released());
  for (std::size_t block = 0; block < 4; ++block) EXPECT_TRUE(is_stored(block));
  EXPECT_EQ(state->wait_published(std::chrono::steady_clock::now()).error(), KvError::kDropped);
}

TEST_F(SmallStoreTest, OlderPromptIsEvictedFromItsEndAndPeersAreTold) {
  put_blocks(0, 4);
  put_blocks(4, 6);
  EXPECT_TRUE(is_stored(0));
  EXPECT_TRUE(is_stored(1));
  EXPECT_FALSE(is_stored(2));
  EXPECT_FALSE(is_stored(3));
  EXPECT_EQ(exchange_->evicted.size(), 2u);
}

TEST_F(SmallStoreTest, MatchedBlocksAreNotEvicted) {
  put_blocks(0, 4);
  const MatchId match = decided_match(4);
  const auto state = manager_->find(manager_->put(put_request(4, 6)).value());
  run_until([&] { return state->published(); });
  EXPECT_EQ(state->report().blocks_dropped, 2u);
  manager_->release(match);
  settle();
  put_blocks(4, 6);
  EXPECT_TRUE(is_stored(5));
}

}  // namespace
}  // namespace kvp2p
