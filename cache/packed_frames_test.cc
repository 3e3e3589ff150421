// Frames that come packed: unpacked where their digests are checked, and corrupt if they do not unpack.
#include "cache/testing/cache_fixture.h"
#include "codec/byte_planes.h"

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

class PackedTransferTest : public testing::CacheTest {
 protected:
  using FetchCall = testing::ScriptedExchange::FetchCall;

  FetchCall& fetch(std::size_t i) { return *exchange_->fetches.at(i); }
  void expect_blocks(std::size_t first, std::size_t end) {
    for (Slot slot = static_cast<Slot>(first); slot < end; ++slot) {
      EXPECT_TRUE(engine_.holds(keys_[slot], slot)) << "slot " << slot;
    }
  }
  /// As a holder would send it.
  void pack(ReceivedFrame& frame) const {
    PlaneScratch scratch;
    base::Bytes packed(frame.payload.size() - 1);
    const base::ConstBytes raw = frame.payload;
    frame.packed_bytes =
        pack_planes({&raw, 1}, element_bytes(engine_.format().element), Compressor::kZstd, packed, scratch);
    ASSERT_GT(frame.packed_bytes, 0u);
    std::fill(frame.payload.begin(), frame.payload.end(), 0xee);
    std::copy_n(packed.begin(), frame.packed_bytes, frame.payload.begin());
    packed_bytes_ += frame.packed_bytes;
  }
  std::function<void(ReceivedFrame&)> packer() {
    return [this](ReceivedFrame& frame) { pack(frame); };
  }

  mutable std::size_t packed_bytes_ = 0;
};

TEST_F(PackedTransferTest, TheyArriveAsTheyWere) {
  add_peer(0, kBlocks);
  auto state = start_get(decided_match(), kBlocks);
  exchange_->send(fetch(0), 0, 0, kBlocks, packer());
  exchange_->send(fetch(0), 1, 0, kBlocks);
  exchange_->send(fetch(0), 2, 0, 5, packer());
  exchange_->send(fetch(0), 2, 5, kBlocks - 5, packer());
  exchange_->end(fetch(0), {});
  run_until([&] { return state->status().done; });
  EXPECT_EQ(state->status().good_blocks, kBlocks) << state->status().reason;
  expect_blocks(0, kBlocks);
  const std::size_t bytes = kBlocks * engine_.format().block_bytes();
  EXPECT_EQ(state->report().bytes_from_peers, bytes);
  EXPECT_EQ(state->report().wire_bytes_from_peers, bytes / 3 + packed_bytes_);
  settle();
  EXPECT_EQ(staging_->free_slots(), staging_->slots());
}

TEST_F(PackedTransferTest, WhatDoesNotUnpackIsCorruptAndFetchedFromAnother) {
  const std::vector<std::function<void(ReceivedFrame&)>> lies = {
      [](ReceivedFrame& frame) { frame.packed_bytes = 100; },  // was never packed
      [this](ReceivedFrame& frame) {
        pack(frame);
        --frame.packed_bytes;
      },
      [this](ReceivedFrame& frame) {
        pack(frame);
        frame.payload[0] = 9;
      },
      [this](ReceivedFrame& frame) {
        pack(frame);
        std::fill_n(frame.payload.begin() + 1, 4, 0xff);
      },
  };
  for (const auto& lie : lies) {
    add_peer(0, kBlocks);
    add_peer(0, kBlocks);
    engine_.poison();
    const std::size_t before = exchange_->fetches.size();
    auto state = start_get(decided_match(), kBlocks);
    exchange_->send(fetch(before), 0, 0, kBlocks, lie);
    settle();
    ASSERT_GT(exchange_->fetches.size(), before + 1) << "another is asked";
    EXPECT_FALSE(state->layer_ready(0));
    for (Slot slot = 0; slot < kBlocks; ++slot) EXPECT_TRUE(engine_.is_poisoned(slot));
    for (std::size_t i = before + 1; i < exchange_->fetches.size(); ++i) exchange_->send_all(fetch(i));
    exchange_->send(fetch(before), 1, 0, kBlocks);
    exchange_->send(fetch(before), 2, 0, kBlocks);
    exchange_->end(fetch(before), {});
    run_until([&] { return state->status().done; });
    EXPECT_EQ(state->status().good_blocks, kBlocks) << state->status().reason;
    expect_blocks(0, kBlocks);
    settle();
    EXPECT_EQ(staging_->free_slots(), staging_->slots());
  }
}

TEST_F(PackedTransferTest, RightlyPackedButOtherBytesAreCorrupt) {
  add_peer(0, kBlocks);
  auto state = start_get(decided_match(), kBlocks);
  exchange_->send(fetch(0), 0, 0, kBlocks, [this](ReceivedFrame& frame) {
    frame.payload[frame.payload.size() - 1] ^= 1;
    pack(frame);
  });
  run_until([&] { return state->status().good_blocks == kBlocks - 1; });
  run_until([&] { return state->layer_ready(0); });
  for (Slot slot = 0; slot + 1 < kBlocks; ++slot) EXPECT_TRUE(engine_.holds(keys_[slot], 0, slot));
  EXPECT_FALSE(engine_.holds(keys_[kBlocks - 1], 0, kBlocks - 1)) << "nothing unverified was written";
}

}  // namespace
}  // namespace kvp2p
