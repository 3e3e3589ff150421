#include "events/kv_event.h"

#include "events/change_queue.h"
#include "events/replay_buffer.h"
#include "kv/object_format.h"

#include <gtest/gtest.h>
#include <msgpack.hpp>

#include <sstream>

namespace kvp2p {
namespace {

BlockKey key(std::uint8_t fill) {
  BlockKey k;
  k.bytes.fill(fill);
  return k;
}

/// As msgpack-cxx prints it: JSON but for binary.
std::string printed(const base::Bytes& bytes) {
  const auto handle = msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::ostringstream text;
  text << handle.get();
  return text.str();
}

KvEventBatch every_event() {
  BlockStored stored;
  stored.block_hashes = {key('a'), key('b')};
  stored.parent_block_hash = key('p');
  stored.token_ids = {1, 70'000};
  stored.block_size = 16;
  stored.medium = "GPU";
  BlockRemoved removed;
  removed.block_hashes = {key('c')};
  return {1.5, {stored, removed, AllBlocksCleared{}}, 0};
}

/// How binary is printed; which bytes they are is looked at apart.
const std::string kHash = "\"BIN(size:32)\"";

bool are_in(const base::Bytes& bytes, const std::string& hashes) {
  std::size_t from = 0;
  for (char hash : hashes) {
    from = base::as_text(bytes).find(std::string(32, hash), from);
    if (from == std::string::npos) return false;
  }
  return true;
}

TEST(KvEvent, ArraysAreInTheOrderOfVllmsFields) {
  EXPECT_EQ(printed(encode_kv_events(every_event(), KvEventFormat::kArray)),
            "[1.5,[[\"BlockStored\",[" + kHash + "," + kHash + "]," + kHash +
                ",[1,70000],16,null,\"GPU\",null],[\"BlockRemoved\",[" + kHash + "],null],[\"AllBlocksCleared\"]],0]");
}

TEST(KvEvent, MapsNameVllmsFields) {
  EXPECT_EQ(printed(encode_kv_events(every_event(), KvEventFormat::kMap)),
            "{\"ts\":1.5,\"events\":[{\"type\":\"BlockStored\",\"block_hashes\":[" + kHash + "," + kHash +
                "],\"parent_block_hash\":" + kHash +
                ",\"token_ids\":[1,70000],\"block_size\":16,\"lora_id\":null,\"medium\":\"GPU\",\"lora_name\":null},"
                "{\"type\":\"BlockRemoved\",\"block_hashes\":[" +
                kHash + "],\"medium\":null},{\"type\":\"AllBlocksCleared\"}],\"data_parallel_rank\":0}");
}

TEST(KvEvent, HashesAreTheKeysInOrder) {
  EXPECT_TRUE(are_in(encode_kv_events(every_event(), KvEventFormat::kArray), "abpc"));
  EXPECT_TRUE(are_in(encode_kv_events(every_event(), KvEventFormat::kMap), "abpc"));
}

TEST(ChangeQueue, NeighbouringChangesAreOneEvent) {
  ChangeQueue queue(10);
  EXPECT_TRUE(queue.empty());
  for (std::uint8_t i : {1, 2}) queue.stored(key(i));
  queue.removed(key(1));
  queue.stored(key(3));
  EXPECT_FALSE(queue.empty());
  const auto events = queue.take();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(std::get<BlockStored>(events[0]).block_hashes, (std::vector{key(1), key(2)}));
  EXPECT_EQ(std::get<BlockStored>(events[0]).block_size, kBlockTokens);
  EXPECT_EQ(std::get<BlockRemoved>(events[1]).block_hashes, std::vector{key(1)});
  EXPECT_EQ(std::get<BlockStored>(events[2]).block_hashes, std::vector{key(3)});
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(queue.take().empty());
}

TEST(ChangeQueue, WhatDoesNotFitClearsEverything) {
  ChangeQueue queue(2);
  for (std::uint8_t i : {1, 2, 3}) queue.stored(key(i));
  const auto events = queue.take();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0], KvEvent(AllBlocksCleared{}));
  EXPECT_EQ(std::get<BlockStored>(events[1]).block_hashes, std::vector{key(3)});
}

TEST(ReplayBuffer, KeepsTheLatestWithinItsBounds) {
  ReplayBuffer<std::string> buffer(3, 10);
  const auto kept = [&](std::uint64_t from) {
    std::string all;
    buffer.for_each_from(from, [&](std::uint64_t number, const std::string& s) { all += std::to_string(number) + s; });
    return all;
  };
  for (std::uint64_t i = 0; i < 5; ++i) buffer.add(i, "x");
  EXPECT_EQ(kept(0), "2x3x4x");
  EXPECT_EQ(kept(4), "4x");
  EXPECT_EQ(kept(5), "");
  buffer.add(5, std::string(9, 'y'));
  EXPECT_EQ(kept(0), "4x5yyyyyyyyy");
  buffer.add(6, std::string(11, 'z'));
  EXPECT_EQ(kept(0), "");
  EXPECT_EQ(buffer.bytes(), 0u);
}

}  // namespace
}  // namespace kvp2p
