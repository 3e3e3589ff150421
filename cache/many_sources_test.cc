// Transfers that several peers have a part in.
#include "cache/testing/cache_fixture.h"
#include "exchange/exchange_error.h"

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

/// Pieces of a few slices, so that twelve small blocks are many pieces.
FetchLimits small_pieces(const testing::Shape& shape) {
  const std::size_t slice = testing::hnd(shape).layout.format.layer_slice_bytes();
  FetchLimits limits;
  limits.piece_bytes_min = 6 * slice;
  limits.hedge_percent = 50;
  return limits;
}

class ManySourcesTest : public testing::CacheTest {
 protected:
  using FetchCall = testing::ScriptedExchange::FetchCall;
  ManySourcesTest() : CacheTest(64, false, kDirectStepBytes, small_pieces(shape())) {}

  std::shared_ptr<TransferState> transfer() { return start_get(decided_match(), kBlocks); }
  FetchCall& fetch(std::size_t i) { return *exchange_->fetches.at(i); }
  std::set<multiformats::PeerId> asked() const {
    std::set<multiformats::PeerId> peers;
    for (const auto& call : exchange_->fetches) peers.insert(call->request.peer);
    return peers;
  }
  /// Those for whom `answers` holds send what they are asked for, until nobody has anything to send.
  void serve(const std::function<bool(const FetchCall&)>& answers) {
    for (bool any = true; any;) {
      any = false;
      for (std::size_t i = 0; i < exchange_->fetches.size(); ++i) {
        if (fetch(i).sink == nullptr || !answers(fetch(i))) continue;
        exchange_->send_all(fetch(i));
        any = true;
        settle();
      }
    }
  }
  void expect_all(const std::shared_ptr<TransferState>& state) {
    run_until([&] { return state->status().done; });
    ASSERT_EQ(state->status().good_blocks, kBlocks) << state->status().reason;
    for (Slot slot = 0; slot < kBlocks; ++slot) EXPECT_TRUE(engine_.holds(keys_[slot], slot)) << slot;
    settle();
    EXPECT_EQ(staging_->free_slots(), staging_->slots());
  }
  std::uint64_t counter(const std::string& name) const {
    for (const auto& [known, value] : manager_->stats().counters) {
      if (known == name) return value;
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }
};

TEST_F(ManySourcesTest, BlocksAreFetchedFromAllWhoHaveThem) {
  add_peer(0, kBlocks);
  add_peer(0, kBlocks);
  add_peer(0, kBlocks);
  auto state = transfer();
  EXPECT_EQ(asked().size(), 3u);
  serve([](const auto&) { return true; });
  expect_all(state);
  settle();
  EXPECT_EQ(counter("transfers_of_many_sources"), 1u);
  EXPECT_EQ(counter("bytes_from_peers"), kBlocks * engine_.format().block_bytes()) << "nothing twice";
}

TEST_F(ManySourcesTest, FirstLayersComeFirst) {
  add_peer(0, kBlocks);
  add_peer(0, kBlocks);
  auto state = transfer();
  for (const auto& call : exchange_->fetches) EXPECT_EQ(call->request.layers.front(), 0u);
  serve([&](const FetchCall& call) { return call.request.layers.front() == 0; });
  run_until([&] { return state->layer_ready(0); });
  EXPECT_FALSE(state->layer_ready(2));
}

TEST_F(ManySourcesTest, PeerThatAnswersLateHelps) {
  const auto first = add_peer(0, kBlocks);
  const auto late = add_peer(0, kBlocks);
  exchange_->scripts[late].silent = true;
  auto state = transfer();
  EXPECT_EQ(asked(), std::set{first});
  exchange_->answer_silent();
  settle();
  EXPECT_EQ(asked(), (std::set{first, late}));
  serve([](const auto&) { return true; });
  expect_all(state);
}

TEST_F(ManySourcesTest, PeerThatAnswersWhenTheMatchIsReleasedHelps) {
  const auto first = add_peer(0, kBlocks);
  const auto late = add_peer(0, kBlocks);
  exchange_->scripts[late].silent = true;
  const MatchId match = decided_match();
  auto state = start_get(match, kBlocks);
  manager_->release(match);
  settle();
  exchange_->answer_silent();
  settle();
  EXPECT_EQ(asked(), (std::set{first, late}));
  serve([](const auto&) { return true; });
  expect_all(state);
  settle();
  EXPECT_TRUE(exchange_->live_leases.empty());
}

TEST_F(ManySourcesTest, PartOfAPeerThatGoesAwayGoesToTheOthers) {
  const auto first = add_peer(0, kBlocks);
  add_peer(0, kBlocks);
  auto state = transfer();
  ASSERT_EQ(asked().size(), 2u);
  for (std::size_t i = 0; i < exchange_->fetches.size(); ++i) {
    if (fetch(i).request.peer != first) continue;
    exchange_->send(fetch(i), fetch(i).request.layers.front(), fetch(i).request.first_block, 1);
    exchange_->end(fetch(i), ExchangeError::kPeerGone);
  }
  settle();
  serve([](const auto&) { return true; });
  expect_all(state);
  EXPECT_GE(counter("fetches_retried"), 1u);
}

TEST_F(ManySourcesTest, LatePieceIsAskedOfAnotherAndTheFirstToCompleteCounts) {
  const auto stalled = add_peer(0, kBlocks);
  add_peer(0, kBlocks);
  auto state = transfer();
  ASSERT_EQ(asked().size(), 2u);
  serve([&](const FetchCall& call) { return call.request.peer != stalled; });
  EXPECT_FALSE(state->status().done);
  EXPECT_EQ(counter("fetch_hedges"), 0u) << "it is not late yet";
  advance(500ms);
  advance(500ms);
  EXPECT_GE(counter("fetch_hedges") + counter("fetch_pieces_moved"), 1u);
  serve([&](const FetchCall& call) { return call.request.peer != stalled; });
  expect_all(state);
  for (const auto& call : exchange_->fetches) EXPECT_EQ(call->sink, nullptr) << "the late one is told to stop";
}

TEST_F(ManySourcesTest, LatePieceThatComesAfterAllDoesNotSpoilAnything) {
  const auto slow = add_peer(0, kBlocks);
  add_peer(0, kBlocks);
  auto state = transfer();
  std::size_t of_slow = 0;
  while (fetch(of_slow).request.peer != slow) ++of_slow;
  // Begun, so that it is asked for twice and not moved.
  exchange_->send(fetch(of_slow), fetch(of_slow).request.layers.front(), fetch(of_slow).request.first_block, 1);
  serve([&](const FetchCall& call) { return call.request.peer != slow; });
  advance(500ms);
  ASSERT_EQ(counter("fetch_hedges"), 1u);
  const FetchCall& late = fetch(of_slow);
  for (std::uint32_t block = late.request.first_block; block < late.request.first_block + late.request.blocks;
       ++block) {
    for (const std::uint32_t layer : late.request.layers) exchange_->send(fetch(of_slow), layer, block, 1);
  }
  exchange_->end(fetch(of_slow), {});
  settle();
  serve([](const auto&) { return true; });
  expect_all(state);
}

TEST_F(ManySourcesTest, CorruptPeerIsAskedForNothingMoreThatOthersHave) {
  const auto bad = add_peer(0, kBlocks);
  add_peer(0, kBlocks);
  auto state = transfer();
  std::size_t of_bad = 0;
  while (fetch(of_bad).request.peer != bad) ++of_bad;
  exchange_->send(fetch(of_bad), fetch(of_bad).request.layers.front(), fetch(of_bad).request.first_block, 1,
                  [](ReceivedFrame& frame) { frame.payload[0] ^= 1; });
  settle();
  const std::size_t before = exchange_->fetches.size();
  serve([](const auto&) { return true; });
  for (std::size_t i = before; i < exchange_->fetches.size(); ++i) EXPECT_NE(fetch(i).request.peer, bad);
  expect_all(state);
}

TEST_F(ManySourcesTest, CancelledTransferAsksNobodyAnyMore) {
  add_peer(0, kBlocks);
  add_peer(0, kBlocks);
  auto state = transfer();
  state->cancel("cancelled");
  settle();
  const std::size_t asked_before = exchange_->fetches.size();
  advance(1s);
  EXPECT_EQ(exchange_->fetches.size(), asked_before);
  for (const auto& call : exchange_->fetches) EXPECT_EQ(call->sink, nullptr);
}

}  // namespace
}  // namespace kvp2p
