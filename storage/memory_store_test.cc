#include "storage/memory_store.h"

#include "storage/error.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <thread>

namespace kvp2p {
namespace {

ObjectFormat small_format() {
  ObjectFormat format;
  format.head_dim = 4;
  format.shard = {0, 2, 0, 2};
  return format;
}

BlockKey key_of(std::uint32_t n) {
  BlockKey key;
  std::memcpy(key.bytes.data(), &n, sizeof n);
  return key;
}

/// Stores a block whose bytes are all `n`.
bool put(MemoryStore& store, std::uint32_t n, const ObjectFormat& format = small_format()) {
  auto reservation = store.reserve(format);
  if (!reservation) return false;
  std::memset(reservation->bytes(), static_cast<int>(n), format.block_bytes());
  std::vector<ContentDigest> leaves(format.leaf_count());
  compute_leaves({reservation->bytes(), format.block_bytes()}, format.head_slice_bytes(), leaves);
  store.commit(std::move(*reservation), key_of(n), std::move(leaves));
  return true;
}

TEST(MemoryStoreTest, StoredBlockIsFoundWithItsRoot) {
  auto store = MemoryStore::create(1 << 20);
  ASSERT_TRUE(put(*store, 7));
  BlockPin pin = store->find(key_of(7), small_format());
  ASSERT_TRUE(pin);
  EXPECT_EQ(pin->bytes[0], 7);
  EXPECT_EQ(pin->root, root_of(pin->leaves));
  EXPECT_TRUE(leaves_match({pin->bytes.get(), pin->format.block_bytes()}, pin->format.head_slice_bytes(), pin->leaves));
  EXPECT_FALSE(store->find(key_of(8), small_format()));
  EXPECT_EQ(store->stats().blocks, 1u);
  EXPECT_EQ(store->stats().bytes, small_format().block_bytes());
}

TEST(MemoryStoreTest, WiderShardCoversNarrowerAndOtherEncodingDoesNot) {
  auto store = MemoryStore::create(1 << 20);
  ASSERT_TRUE(put(*store, 1));
  ObjectFormat part = small_format();
  part.shard = {1, 2, 0, 1};
  EXPECT_TRUE(store->contains(key_of(1), part));
  ObjectFormat wider = small_format();
  wider.shard.head_end = 3;
  EXPECT_FALSE(store->contains(key_of(1), wider));
  ObjectFormat other = small_format();
  other.element = ElementType::kF16;
  EXPECT_FALSE(store->contains(key_of(1), other));
}

TEST(MemoryStoreTest, LeastRecentlyUsedGoesFirst) {
  auto store = MemoryStore::create(3 * small_format().block_bytes());
  for (std::uint32_t n : {1, 2, 3}) ASSERT_TRUE(put(*store, n));
  EXPECT_TRUE(store->find(key_of(1), small_format()));
  ASSERT_TRUE(put(*store, 4));
  EXPECT_TRUE(store->contains(key_of(1), small_format()));
  EXPECT_FALSE(store->contains(key_of(2), small_format()));
  const auto keys = store->snapshot(2);
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].first, key_of(4));
  EXPECT_EQ(keys[1].first, key_of(1));
}

TEST(MemoryStoreTest, PinnedBlocksStayAndContainsIsNoUse) {
  auto store = MemoryStore::create(2 * small_format().block_bytes());
  ASSERT_TRUE(put(*store, 1));
  ASSERT_TRUE(put(*store, 2));
  BlockPin pin = store->find(key_of(1), small_format());
  BlockPin second = store->find(key_of(1), small_format());
  ASSERT_TRUE(put(*store, 3));
  EXPECT_FALSE(store->contains(key_of(2), small_format()));
  pin = BlockPin();
  BlockPin third = store->find(key_of(3), small_format());
  EXPECT_EQ(store->reserve(small_format()).error(), StorageError::kNoRoom) << "one pin is left on the first block";
  EXPECT_EQ(store->stats().refused_reservations, 1u);
  second = BlockPin();
  EXPECT_TRUE(store->reserve(small_format()));
  EXPECT_FALSE(store->contains(key_of(1), small_format()));
  EXPECT_EQ(third->bytes[0], 3);
}

TEST(MemoryStoreTest, ReservationsAreBoundedAndGivenBack) {
  const std::size_t block = small_format().block_bytes();
  auto store = MemoryStore::create(2 * block);
  {
    auto a = store->reserve(small_format());
    auto b = store->reserve(small_format());
    ASSERT_TRUE(a && b);
    EXPECT_EQ(store->stats().bytes, 2 * block);
    EXPECT_EQ(store->reserve(small_format()).error(), StorageError::kNoRoom);
    *a = std::move(*b);
    EXPECT_EQ(store->stats().bytes, block);
  }
  EXPECT_EQ(store->stats().bytes, 0u);
}

TEST(MemoryStoreTest, RefusedReservationEvictsNothing) {
  const std::size_t block = small_format().block_bytes();
  auto store = MemoryStore::create(3 * block);
  ASSERT_TRUE(put(*store, 1));
  ASSERT_TRUE(put(*store, 2));
  BlockPin pin = store->find(key_of(2), small_format());
  ObjectFormat large = small_format();
  large.shard.layer_end = 6;
  EXPECT_EQ(store->reserve(large).error(), StorageError::kNoRoom);
  EXPECT_TRUE(store->contains(key_of(1), small_format()));
  large.shard.layer_end = 0;
  EXPECT_EQ(store->reserve(large).error(), StorageError::kBadFormat);
}

TEST(MemoryStoreTest, SameBlockTwiceIsStoredOnce) {
  auto store = MemoryStore::create(1 << 20);
  ASSERT_TRUE(put(*store, 1));
  ASSERT_TRUE(put(*store, 1));
  EXPECT_EQ(store->stats().blocks, 1u);
  EXPECT_EQ(store->stats().bytes, small_format().block_bytes());
}

TEST(MemoryStoreTest, ObserverHearsOfEachOnceAndMayCallBack) {
  std::vector<std::string> heard;
  MemoryStore* self = nullptr;
  auto store = MemoryStore::create(
      2 * small_format().block_bytes(),
      {.stored = [&](const BlockKey& key, const ObjectFormat&) { heard.push_back("+" + std::to_string(key.bytes[0])); },
       .evicted =
           [&](const BlockKey& key, const ObjectFormat& format) {
             EXPECT_FALSE(self->contains(key, format));
             heard.push_back("-" + std::to_string(key.bytes[0]));
           }});
  self = store.get();
  for (std::uint32_t n : {1, 2, 2, 3}) ASSERT_TRUE(put(*store, n));
  EXPECT_EQ(heard, (std::vector<std::string>{"+1", "+2", "-1", "+3"}))
      << "the doubled block's reservation takes the room of block 1, and none is left over";
}

TEST(MemoryStoreTest, PinsOutliveTheOwnersPointer) {
  auto store = MemoryStore::create(1 << 20);
  ASSERT_TRUE(put(*store, 5));
  BlockPin pin = store->find(key_of(5), small_format());
  store.reset();
  EXPECT_EQ(pin->bytes[3], 5);
}

TEST(MemoryStoreTest, ThreadsReadWriteAndEvictTogether) {
  auto store = MemoryStore::create(8 * small_format().block_bytes());
  std::atomic<int> found{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 3000; ++i) {
        const std::uint32_t n = random() % 24;
        if (random() % 2 == 0) {
          put(*store, n);
        } else if (BlockPin pin = store->find(key_of(n), small_format())) {
          for (std::size_t b = 0; b < pin->format.block_bytes(); ++b) ASSERT_EQ(pin->bytes[b], n);
          ++found;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_GT(found, 0);
  EXPECT_LE(store->stats().bytes, store->stats().bytes_max);
}

}  // namespace
}  // namespace kvp2p
