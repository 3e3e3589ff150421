#include "engine/engine.h"

#include "engine/engine_error.h"
#include "engine/synthetic_model.h"
#include "engine/testing/fake_provider.h"
#include "engine/testing/numbers.h"

#include <gtest/gtest.h>

namespace kvp2p::engine {
namespace {

using testing::FakeProvider;
using testing::FakeStore;

constexpr std::size_t kGenerated = 12;

const Model& tiny_model() {
  static const Model model =
      make_synthetic_model(*parse_synthetic_spec("synthetic:layers=4,hidden=64,heads=4,kv_heads=2,vocab=300,seed=5"))
          .value();
  return model;
}

std::vector<Token> prompt(std::size_t count, std::uint64_t seed = 1) {
  return testing::Numbers(seed).tokens(count, 300);
}

EngineOptions options(KvLayout layout = KvLayout::kNhd) {
  EngineOptions out;
  out.tokens_max = 512;
  out.kv_tokens = 1024;
  out.layout = layout;
  out.chunk_tokens = 96;
  return out;
}

/// What one engine made of a prompt.
struct Outcome {
  std::vector<Token> generated;
  std::string kv_digest;
  PrefillReport report;
};

Outcome run(FakeProvider* provider, const std::vector<Token>& tokens, EngineOptions engine_options = options()) {
  Engine engine(tiny_model(), engine_options);
  if (provider) {
    EXPECT_TRUE(engine.use_cache(*provider, {}));
  }
  auto sequence = engine.prefill(tokens);
  EXPECT_TRUE(sequence);
  Outcome out;
  out.kv_digest = sequence->kv_digest(tokens.size());
  out.generated = engine.decode(*sequence, kGenerated).value();
  out.report = sequence->report();
  return out;
}

void expect_same(const Outcome& got, const Outcome& expected) {
  EXPECT_EQ(got.generated, expected.generated);
  EXPECT_EQ(got.kv_digest, expected.kv_digest);
}

TEST(Engine, TellsTheCacheHowLongItsPrefillTook) {
  FakeStore store;
  FakeProvider producer(store), consumer(store);
  run(&producer, prompt(200));
  ASSERT_EQ(producer.reports.size(), 1u);
  EXPECT_EQ(producer.reports[0].tokens, 200u);
  EXPECT_EQ(producer.reports[0].context, 0u);
  EXPECT_GT(producer.reports[0].time, base::Duration::zero());
  run(&consumer, prompt(200));
  ASSERT_EQ(consumer.reports.size(), 1u);
  EXPECT_EQ(consumer.reports[0].tokens, 8u);
  EXPECT_EQ(consumer.reports[0].context, 192u);
}

TEST(Engine, WithoutACacheAllIsComputed) {
  const Outcome out = run(nullptr, prompt(200));
  EXPECT_EQ(out.report.prompt_tokens, 200u);
  EXPECT_EQ(out.report.computed_tokens, 200u);
  EXPECT_EQ(out.report.fetched_tokens, 0u);
  EXPECT_EQ(out.generated.size(), kGenerated);
}

TEST(Engine, FetchesEveryFullBlockAndComputesTheRest) {
  FakeStore store;
  FakeProvider producer(store);
  FakeProvider consumer(store);
  const auto tokens = prompt(203);
  const Outcome local = run(nullptr, tokens);
  const Outcome produced = run(&producer, tokens);
  EXPECT_EQ(produced.report.fetched_tokens, 0u);
  const Outcome consumed = run(&consumer, tokens);
  EXPECT_EQ(consumed.report.fetched_tokens, 192u);
  EXPECT_EQ(consumed.report.computed_tokens, 11u);
  expect_same(produced, local);
  expect_same(consumed, local);
}

TEST(Engine, OneTokenIsAlwaysComputed) {
  FakeStore store;
  FakeProvider provider(store);
  const auto tokens = prompt(192);
  const Outcome first = run(&provider, tokens);
  const Outcome second = run(&provider, tokens);
  EXPECT_EQ(second.report.fetched_tokens, 176u);
  expect_same(second, first);
}

TEST(Engine, APromptThatSharesItsFirstPartFetchesThat) {
  FakeStore store;
  FakeProvider provider(store);
  const auto cached = prompt(200);
  run(&provider, cached);
  auto tokens = prompt(170, 2);
  std::copy_n(cached.begin(), 100, tokens.begin());
  const Outcome out = run(&provider, tokens);
  EXPECT_EQ(out.report.fetched_tokens, 96u);
  expect_same(out, run(nullptr, tokens));
}

TEST(Engine, LayoutsServeEachOther) {
  FakeStore store;
  FakeProvider producer(store);
  FakeProvider consumer(store);
  const auto tokens = prompt(150);
  const Outcome produced = run(&producer, tokens, options(KvLayout::kNhd));
  EngineOptions other = options(KvLayout::kHnd);
  other.page_tokens = 32;
  const Outcome consumed = run(&consumer, tokens, other);
  EXPECT_EQ(consumed.report.fetched_tokens, 144u);
  expect_same(consumed, produced);
}

TEST(Engine, ExtraCutsChangeNothing) {
  EngineOptions cut = options();
  cut.extra_cuts = {144};
  expect_same(run(nullptr, prompt(150), cut), run(nullptr, prompt(150)));
}

TEST(Engine, StartsAgainWhenFetchedBlocksFailUnderWay) {
  FakeStore store;
  FakeProvider provider(store);
  const auto tokens = prompt(203);
  const Outcome expected = run(&provider, tokens);
  for (std::uint32_t layer = 0; layer < 4; ++layer) {
    for (std::size_t block : {0, 1, 5, 11}) {
      FakeProvider consumer(store);
      consumer.failures = {{layer, block}};
      const Outcome out = run(&consumer, tokens);
      EXPECT_EQ(out.report.fetched_tokens, block * 16) << layer;
      EXPECT_EQ(out.report.computed_tokens, 203 - block * 16);
      EXPECT_EQ(out.report.restarts, layer == 0 ? 0u : 1u);
      EXPECT_EQ(out.report.reason, "ordered by the test");
      expect_same(out, expected);
    }
  }
}

TEST(Engine, StartsAgainAsOftenAsBlocksFail) {
  FakeStore store;
  FakeProvider provider(store);
  const auto tokens = prompt(203);
  const Outcome expected = run(&provider, tokens);
  FakeProvider consumer(store);
  consumer.failures = {{3, 11}, {0, 8}, {2, 5}, {1, 0}};
  const Outcome out = run(&consumer, tokens);
  EXPECT_EQ(out.report.fetched_tokens, 0u);
  EXPECT_EQ(out.report.restarts, 3u);
  expect_same(out, expected);
}

TEST(Engine, ACacheThatNeverStopsFailingIsGivenUp) {
  FakeStore store;
  FakeProvider provider(store);
  const auto tokens = prompt(203);
  const Outcome expected = run(&provider, tokens);
  FakeProvider consumer(store);
  consumer.failures.assign(100, {1, 12});  // claims that all blocks are still good, then fails again
  const Outcome out = run(&consumer, tokens);
  EXPECT_EQ(out.report.fetched_tokens, 0u);
  EXPECT_EQ(out.report.restarts, 12u);
  expect_same(out, expected);
}

TEST(Engine, ABrokenCacheIsAMiss) {
  FakeStore store;
  FakeProvider provider(store);
  provider.broken = true;
  expect_same(run(&provider, prompt(60)), run(nullptr, prompt(60)));
}

TEST(Engine, SequencesGiveTheirPagesBack) {
  Engine engine(tiny_model(), options());
  const std::size_t pages = engine.kv().free_pages();
  {
    auto first = engine.prefill(prompt(200));
    auto second = engine.prefill(prompt(100));
    EXPECT_LT(engine.kv().free_pages(), pages);
  }
  EXPECT_EQ(engine.kv().free_pages(), pages);
}

TEST(Engine, SequencesDoNotMeet) {
  Engine engine(tiny_model(), options());
  auto first = engine.prefill(prompt(100, 1));
  auto second = engine.prefill(prompt(60, 2));
  const auto one = engine.decode(*first, 6).value();
  const auto two = engine.decode(*second, kGenerated).value();
  auto more = engine.decode(*first, 6).value();
  more.insert(more.begin(), one.begin(), one.end());
  EXPECT_EQ(more, run(nullptr, prompt(100, 1)).generated);
  EXPECT_EQ(two, run(nullptr, prompt(60, 2)).generated);
}

TEST(Engine, BadPromptsAreRefused) {
  Engine engine(tiny_model(), options());
  EXPECT_EQ(engine.prefill({}).error(), EngineError::kEmptyPrompt);
  EXPECT_EQ(engine.prefill({300}).error(), EngineError::kTokenOutOfVocabulary);
  EXPECT_EQ(engine.prefill(prompt(513)).error(), EngineError::kContextTooLong);
  auto sequence = engine.prefill(prompt(500));
  ASSERT_TRUE(sequence);
  EXPECT_EQ(engine.decode(*sequence, 13).error(), EngineError::kContextTooLong);
  EXPECT_EQ(engine.decode(*sequence, 12)->size(), 12u);
}

TEST(Engine, PagesMayRunOut) {
  EngineOptions few = options();
  few.kv_tokens = 128;
  Engine engine(tiny_model(), few);
  EXPECT_EQ(engine.prefill(prompt(129)).error(), EngineError::kOutOfKvBlocks);
  EXPECT_TRUE(engine.prefill(prompt(128)));
}

TEST(Engine, StopsAtAnEndToken) {
  const Outcome free_run = run(nullptr, prompt(50));
  Model model = tiny_model();
  model.config.eos_tokens = {free_run.generated[3]};
  Engine engine(model, options());
  auto sequence = engine.prefill(prompt(50));
  const auto stopped = engine.decode(*sequence, kGenerated).value();
  EXPECT_EQ(stopped.back(), free_run.generated[3]);
  EXPECT_LE(stopped.size(), 4u);
}

}  // namespace
}  // namespace kvp2p::engine
