#include "direct/messages.h"
#include "direct/limits.h"
#include "wire/wire_error.h"

#include <gtest/gtest.h>

namespace kvp2p::direct {
namespace {

using wire::WireError;

Region region() {
  Region m;
  m.id = 3;
  m.slots = 8;
  m.kind = ExportKind::kCudaVirtual;
  m.device.fill(1);
  m.process.fill(2);
  m.address = 4;
  m.offset = 5;
  m.bytes = 6;
  m.pieces = 2;
  m.format.head_dim = 8;
  m.format.shard = {0, 2, 0, 3};
  m.layers = {{7, 8}, {9, 10}};
  m.block_stride = 11;
  m.token_stride = 12;
  m.head_stride = 13;
  m.engine_block_tokens = 16;
  m.engine_blocks = 8;
  return m;
}

std::vector<Message> all_messages() {
  Piece piece;
  piece.handle.fill(9);
  piece.bytes = 100;
  piece.has_descriptor = true;
  return {Hello{1, {1, 2, 3}}, Refused{"no"}, Welcome{},    region(),         Pieces{{piece, piece}},
          AllSent{},           Opened{3},     TakenBack{3}, Closed{3, "why"}, Settled{}};
}

TEST(DirectMessages, EachSurvivesARoundTrip) {
  const auto messages = all_messages();
  ASSERT_EQ(messages.size(), std::variant_size_v<Message>);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    ASSERT_EQ(messages[i].index(), i);
    auto back = decode(encode(messages[i]));
    ASSERT_TRUE(back) << i << ": " << back.error().message();
    EXPECT_EQ(*back, messages[i]) << i;
  }
}

TEST(DirectMessages, AVersionThatIsNotSaidIsNotTakenForOne) {
  auto message = decode(encode(Hello{0, {1, 2, 3}}));  // zeros are not written
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<Hello>(*message).version, 0u);
}

TEST(DirectMessages, EveryCutIsRefused) {
  for (const auto& message : all_messages()) {
    const auto bytes = encode(message);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode(base::ConstBytes(bytes).first(size))) << message.index() << " cut at " << size;
    }
  }
}

TEST(DirectMessages, WhatIsOutOfBoundsIsRefused) {
  const auto refused = [](const Message& message) { return !decode(encode(message)); };
  const auto with = [&](auto change) {
    Region changed = region();
    change(changed);
    return refused(changed);
  };
  EXPECT_FALSE(with([](Region&) {}));
  EXPECT_TRUE(with([](Region& m) { m.slots = 0; }));
  EXPECT_TRUE(with([](Region& m) { m.slots = kDirectSlotsMax + 1; }));
  EXPECT_TRUE(with([](Region& m) { m.pieces = 0; }));
  EXPECT_TRUE(with([](Region& m) { m.pieces = kExportPiecesMax + 1; }));
  EXPECT_TRUE(with([](Region& m) { m.layers.clear(); }));
  EXPECT_TRUE(with([](Region& m) { m.format.head_dim = 0; }));
  EXPECT_TRUE(with([](Region& m) { m.format.shard.layer_end = 0; }));
  EXPECT_TRUE(with([](Region& m) { m.layers.resize(kLayersMax + 1); }));
  EXPECT_TRUE(with([](Region& m) { m.kind = static_cast<ExportKind>(4); }));
  EXPECT_TRUE(refused(Pieces{}));
  EXPECT_TRUE(refused(Pieces{std::vector<Piece>(kDirectPiecesPerMessage + 1)}));
  EXPECT_EQ(decode(base::Bytes(kDirectMessageBytesMax + 1, 0x92)).error(), WireError::kOutOfBounds);
  EXPECT_EQ(decode(base::Bytes{0x92, 0x0b, 0x80}).error(), WireError::kUnknownMessage);
  EXPECT_EQ(decode(base::Bytes{0x92, 0x03, 0x80, 0x00}).error(), WireError::kTrailingBytes);
}

TEST(DirectMessages, TheLargestFitAPacket) {
  Region large = region();
  large.layers.assign(kLayersMax, {UINT64_MAX, UINT64_MAX});
  EXPECT_LE(encode(large).size(), kDirectMessageBytesMax);
  Pieces pieces{std::vector<Piece>(kDirectPiecesPerMessage)};
  for (Piece& piece : pieces.pieces) piece = {{}, UINT64_MAX, true};
  EXPECT_LE(encode(pieces).size(), kDirectMessageBytesMax);
}

}  // namespace
}  // namespace kvp2p::direct
