// A node that fetches from another over several data connections.
#pragma once

#include "exchange/testing/test_node.h"

namespace kvp2p::testing {

/// Enough for four lanes.
inline constexpr std::uint32_t kBlocks = 1200;
inline constexpr std::size_t kBytes = kBlocks * 3 * 2048;

class LanesTest : public ExchangeTest {
 protected:
  struct Pair {
    TestNode& holder;
    TestNode& asker;
    LookupAnswer answer;
  };
  Pair add_pair(std::size_t asker_slots = 64, std::size_t data_connections = 4, PackMode pack = PackMode::kOff) {
    auto& holder = add_node({.data_connections_max = 4, .pack = pack});
    auto& asker = add_node({.staging_slots = asker_slots, .data_connections_max = data_connections, .pack = pack});
    asker.host.dial(holder.host);
    poll();
    for (std::uint32_t i = 0; i < kBlocks; ++i) holder.blocks.add(i);
    return {holder, asker, look_up(asker, holder.id(), request(0, kBlocks))};
  }
  std::unique_ptr<Fetch> start_fetch(Pair& pair, CollectingSink& sink, base::Duration time = std::chrono::seconds(60)) {
    return pair.asker.exchange->fetch(fetch_request(pair.holder.id(), pair.answer, 0, kBlocks), sink, in(time));
  }
  static void expect_complete(const CollectingSink& sink) {
    ASSERT_TRUE(sink.outcome);
    ASSERT_TRUE(*sink.outcome) << sink.outcome->error().message();
    expect_slices(sink, 0, 0, kBlocks);
  }
  /// As time passes with everybody running in between.
  void pass(base::Duration time) {
    for (constexpr base::Duration kStep = std::chrono::milliseconds(50); time > base::Duration(); time -= kStep) {
      advance(kStep);
    }
  }
};

}  // namespace kvp2p::testing
