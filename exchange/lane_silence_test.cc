// Lanes and whole paths that go silent in the middle of fetches, and slow ones among fast ones.
#include "base/testing/captured_log.h"
#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/testing/lanes.h"

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;

class LaneSilenceTest : public LanesTest {
 protected:
  /// Fewer frames than one pipe holds, so that one lane can swallow all that is granted.
  static constexpr std::size_t kFewSlots = 64;

  static std::shared_ptr<StreamFaults> stalls_at(std::size_t bytes) {
    auto faults = std::make_shared<StreamFaults>();
    faults->stalled_after_read_bytes = bytes;
    return faults;
  }
};

TEST_F(LaneSilenceTest, OneThatSwallowsAllCreditIsFoundByTheCounts) {
  // Not one byte comes, so that nothing at this end tells that it owes.
  auto pair = add_pair(kFewSlots, 1);
  pair.asker.host.faults_of_new_data = [](int number) { return number == 1 ? stalls_at(0) : nullptr; };
  CollectingSink sink;
  auto fetch = start_fetch(pair, sink);
  poll();
  const std::size_t before = sink.frames;
  pass(400ms);
  EXPECT_FALSE(sink.outcome) << "it may just be slow";
  EXPECT_EQ(sink.frames, before);
  pass(2s);
  expect_complete(sink);
  EXPECT_EQ(pair.asker.exchange->stats().lanes_lost, 1u);
  EXPECT_EQ(pair.asker.exchange->stats().bytes_received, kBytes) << "nothing twice";
}

TEST_F(LaneSilenceTest, SeveralThatSwallowAllCreditAreFoundAtOnce) {
  auto pair = add_pair(kFewSlots);
  pair.asker.host.faults_of_new_data = [](int number) { return number <= 4 ? stalls_at(0) : nullptr; };
  CollectingSink sink;
  auto fetch = start_fetch(pair, sink);
  poll();
  EXPECT_FALSE(sink.outcome);
  pass(3s);
  expect_complete(sink);
  EXPECT_EQ(pair.asker.exchange->stats().lanes_lost, 4u);
  EXPECT_EQ(pair.asker.exchange->stats().bytes_received, kBytes);
}

TEST_F(LaneSilenceTest, OneThatSwallowsPartIsFoundBeforeTheEnd) {
  // The others go on with what is left of the credit, and at the end nothing but that one is waited for.
  auto pair = add_pair(256);
  pair.asker.host.faults_of_new_data = [](int number) { return number == 2 ? stalls_at(0) : nullptr; };
  std::vector<std::shared_ptr<StreamFaults>> paced;
  CollectingSink sink;
  sink.hoard = true;  // this node is slow to make room: the fetch is far from its end
  auto fetch = start_fetch(pair, sink);
  for (int i = 0; i < 60 && !sink.outcome; ++i) {
    advance(50ms);
    sink.hoarded.clear();
  }
  poll();
  expect_complete(sink);
  EXPECT_EQ(pair.asker.exchange->stats().lanes_lost, 1u);
}

TEST_F(LaneSilenceTest, AHolderThatIsSlowLosesNoLane) {
  auto pair = add_pair(kFewSlots);
  pair.holder.blocks.reads_wait = true;
  CollectingSink sink;
  auto fetch = start_fetch(pair, sink);
  poll();
  pass(10s);
  EXPECT_FALSE(sink.outcome);
  pair.holder.blocks.let_reads_go_on();
  poll();
  expect_complete(sink);
  EXPECT_EQ(pair.asker.exchange->stats().lanes_lost, 0u);
}

/// Every stream between the two can be stalled at once, the control stream too.
class OutageTest : public LaneSilenceTest {
 protected:
  Pair add_pair_with_faults() {
    remember_all_ = [this](int) { return all_.emplace_back(std::make_shared<StreamFaults>()); };
    auto& holder = add_node({.data_connections_max = 4});
    auto& asker = add_node({.staging_slots = 64, .data_connections_max = 4});
    asker.host.faults_of_new_stream = remember_all_;
    asker.host.faults_of_new_data = remember_all_;
    asker.host.dial(holder.host);
    poll();
    for (std::uint32_t i = 0; i < kBlocks; ++i) holder.blocks.add(i);
    return {holder, asker, look_up(asker, holder.id(), request(0, kBlocks))};
  }
  void begin_outage() {
    for (const auto& faults : all_) faults->stalled = true;
  }
  void end_outage() {
    for (const auto& faults : std::vector(all_)) faults->go_on();
    poll();
  }

  std::vector<std::shared_ptr<StreamFaults>> all_;
  std::function<std::shared_ptr<StreamFaults>(int)> remember_all_;
};

TEST_F(OutageTest, AFetchGoesOnWhereItWas) {
  const base::testing::CapturedLog log;
  auto pair = add_pair_with_faults();
  CollectingSink sink;
  sink.also = [&] {
    if (sink.frames == 200) begin_outage();
  };
  auto fetch = start_fetch(pair, sink);
  poll();
  pass(20s);
  EXPECT_FALSE(sink.outcome);
  EXPECT_EQ(pair.asker.exchange->stats().lanes_lost, 0u) << "nothing is better than to wait";
  EXPECT_NE(log.text().find("no frame has come for 3.0 s"), std::string::npos) << log.text();
  end_outage();
  expect_complete(sink);
  EXPECT_NE(log.text().find("data comes again"), std::string::npos) << log.text();
  EXPECT_EQ(pair.asker.exchange->stats().bytes_received, kBytes);
}

TEST_F(OutageTest, AFetchEndsByItsDeadlineIfItDoesNotEnd) {
  const base::testing::CapturedLog log;
  auto pair = add_pair_with_faults();
  CollectingSink sink;
  sink.also = [&] {
    if (sink.frames == 200) begin_outage();
  };
  auto fetch = start_fetch(pair, sink, 10s);
  poll();
  pass(9900ms);
  EXPECT_FALSE(sink.outcome);
  pass(100ms);
  ASSERT_TRUE(sink.outcome);
  EXPECT_EQ(sink.outcome->error(), ExchangeError::kTimeout);
  EXPECT_NE(log.text().find("a fetch ended at its deadline"), std::string::npos) << log.text();
  EXPECT_NE(log.text().find("nothing had come for 9.9 s"), std::string::npos) << log.text();
  // What was granted and came late is dropped; the lanes and the session serve the next one.
  end_outage();
  CollectingSink again;
  fetch = start_fetch(pair, again);
  poll();
  pass(2s);
  expect_complete(again);
}

TEST_F(OutageTest, LanesAloneThatDoNotComeBackAreReplaced) {
  auto pair = add_pair_with_faults();
  CollectingSink sink;
  sink.also = [&] {
    if (sink.frames != 200) return;
    begin_outage();
    all_.front()->go_on();  // the control stream
  };
  auto fetch = start_fetch(pair, sink);
  poll();
  EXPECT_FALSE(sink.outcome);
  pass(5s);
  expect_complete(sink);
  EXPECT_EQ(pair.asker.exchange->stats().lanes_lost, 5u);
}

}  // namespace
}  // namespace kvp2p::testing
