// Completion queue, id table, worker pool, offers, model registry, match states.
#include "cache/completion_queue.h"
#include "cache/error.h"
#include "cache/id_table.h"
#include "cache/match_state.h"
#include "cache/model_registry.h"
#include "cache/offer.h"
#include "cache/worker_pool.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

base::TimePoint in(base::Duration time) { return std::chrono::steady_clock::now() + time; }

bool readable(int fd) {
  pollfd poll{fd, POLLIN, 0};
  return ::poll(&poll, 1, 0) == 1;
}

TEST(CompletionQueueTest, DescriptorIsReadableWhileThereIsSomething) {
  CompletionQueue queue;
  EXPECT_FALSE(readable(queue.event_fd()));
  queue.push({Completion::Kind::kMatch, 1, 0, true});
  queue.push({Completion::Kind::kLayer, 2, 3, false});
  EXPECT_TRUE(readable(queue.event_fd()));
  const auto entries = queue.drain();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].id, 1u);
  EXPECT_EQ(entries[1].layer, 3u);
  EXPECT_FALSE(readable(queue.event_fd()));
  EXPECT_TRUE(queue.drain().empty());
}

TEST(CompletionQueueTest, OldestAreDroppedBeyondTheBound) {
  CompletionQueue queue;
  for (std::uint64_t i = 0; i < kCompletionsMax + 5; ++i) queue.push({Completion::Kind::kMatch, i, 0, true});
  const auto entries = queue.drain();
  ASSERT_EQ(entries.size(), kCompletionsMax);
  EXPECT_EQ(entries.front().id, 5u);
}

TEST(CompletionQueueTest, NothingIsLostBetweenThreads) {
  CompletionQueue queue;
  constexpr std::uint64_t kEach = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (std::uint64_t i = 0; i < kEach; ++i) queue.push({Completion::Kind::kMatch, i, 0, true});
    });
  }
  std::size_t drained = 0;
  while (drained < 3 * kEach) {
    pollfd poll{queue.event_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&poll, 1, 10000), 1);
    drained += queue.drain().size();
  }
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(readable(queue.event_fd()));
}

TEST(IdTableTest, FindsWhatWasInsertedUntilRemoved) {
  IdTable<MatchId, int> table;
  const MatchId a = table.next_id(), b = table.next_id();
  EXPECT_NE(a, b);
  table.insert(a, std::make_shared<int>(1));
  table.insert(b, std::make_shared<int>(2));
  EXPECT_EQ(*table.find(b), 2);
  EXPECT_EQ(table.all().size(), 2u);
  EXPECT_EQ(*table.remove(a), 1);
  EXPECT_FALSE(table.find(a));
  EXPECT_FALSE(table.remove(a));
  EXPECT_EQ(table.size(), 1u);
}

TEST(WorkerPoolTest, RunsEverythingBeforeItEnds) {
  std::atomic<int> ran{0};
  {
    WorkerPool pool(3);
    for (int i = 0; i < 500; ++i) pool.post([&] { ++ran; });
  }
  EXPECT_EQ(ran, 500);
}

TEST(OfferTest, RevokedOfferHasNoNewReadersAndSpoilsThoseUnderWay) {
  Offer offer(OfferId{1}, PutRequest(), ObjectFormat());
  EXPECT_EQ(offer.wait_unleased(in(0s)).error(), KvError::kNotRevoked);
  ASSERT_TRUE(offer.begin_read());
  EXPECT_TRUE(offer.end_read());
  ASSERT_TRUE(offer.begin_read());
  offer.revoke();
  EXPECT_FALSE(offer.begin_read());
  EXPECT_EQ(offer.wait_unleased(in(1ms)).error(), KvError::kDeadline);
  std::thread reader([&] { EXPECT_FALSE(offer.end_read()); });
  EXPECT_TRUE(offer.wait_unleased(in(10s)));
  reader.join();
}

ModelSpec model(ElementType element, const std::string& weights = "w") {
  ModelSpec spec;
  spec.weights_digest = weights;
  spec.architecture = "llama";
  spec.layers = 2;
  spec.kv_heads = 2;
  spec.head_dim = 8;
  spec.kv_element = element;
  return spec;
}

TEST(ModelRegistryTest, NamesTheFieldsThatDifferFromTheClosestModel) {
  ModelRegistry models;
  EXPECT_EQ(models.why_unknown(model(ElementType::kF32).fields()), "no model is registered here");
  for (const auto& spec : {model(ElementType::kF16, "other"), model(ElementType::kF32)}) {
    models.add(fingerprint_of(spec), spec.fields());
  }
  EXPECT_TRUE(models.knows(fingerprint_of(model(ElementType::kF32))));
  const std::string why = models.why_unknown(model(ElementType::kBf16).fields());
  EXPECT_NE(why.find("kv_element (here f32, asked bf16)"), std::string::npos) << why;
  EXPECT_EQ(why.find("weights"), std::string::npos) << why;
}

TEST(ModelRegistryTest, ReasonsAreBounded) {
  ModelRegistry models;
  const auto spec = model(ElementType::kF32);
  models.add(fingerprint_of(spec), spec.fields());
  ModelFields hostile;
  for (std::size_t i = 0; i < kModelFieldsMax; ++i) hostile.emplace_back(std::string(200, 'x'), std::string(200, 'y'));
  EXPECT_LE(models.why_unknown(hostile).size(), kReasonBytesMax);
}

TEST(ModelRegistryTest, FormatDifferenceNamesTheField) {
  ObjectFormat held;
  held.head_dim = 8;
  held.shard = {0, 4, 0, 4};
  ObjectFormat asked = held;
  asked.shard = {0, 2, 1, 3};
  EXPECT_EQ(format_difference(held, asked), "");
  asked.shard.head_end = 5;
  EXPECT_NE(format_difference(held, asked).find("shard (here"), std::string::npos);
  asked = held;
  asked.element = ElementType::kBf16;
  EXPECT_EQ(format_difference(held, asked), "element type (here f32, asked bf16)");
  asked = held;
  asked.head_dim = 16;
  EXPECT_EQ(format_difference(held, asked), "head_dim (here 8, asked 16)");
}

TEST(MatchStateTest, DecidedOnceAndWaitedFor) {
  auto completions = std::make_shared<CompletionQueue>();
  MatchRequest request;
  request.keys.resize(3);
  MatchState state(MatchId{4}, request, completions);
  EXPECT_TRUE(state.status().pending);
  EXPECT_EQ(state.status().present.size(), 3u);
  EXPECT_TRUE(state.wait(in(1ms)).pending);
  EXPECT_TRUE(state.joinable(in(0s)));
  std::thread decider([&] {
    MatchStatus status;
    status.blocks = 2;
    state.decide(status);
    status.blocks = 3;
    state.decide(status);
  });
  EXPECT_EQ(state.wait(in(10s)).blocks, 2u);
  decider.join();
  EXPECT_EQ(completions->drain().size(), 1u);
  EXPECT_TRUE(state.joinable(in(0s)));
  EXPECT_FALSE(state.joinable(in(2s))) << "a short answer goes stale: a peer may have the rest by then";
  state.expire();
  EXPECT_FALSE(state.joinable(in(0s)));
}

}  // namespace
}  // namespace kvp2p
