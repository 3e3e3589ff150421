#include "engine/transformer.h"

#include "engine/chunks.h"
#include "engine/synthetic_model.h"
#include "engine/testing/numbers.h"
#include "engine/testing/reference_llama.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kvp2p::engine {
namespace {

const Model& tiny_model() {
  static const Model model =
      make_synthetic_model(*parse_synthetic_spec("synthetic:layers=3,hidden=96,heads=6,kv_heads=2,"
                                                 "intermediate=160,vocab=200,tied=0,seed=3"))
          .value();
  return model;
}

/// A cache, and the prompt's logits at every position.
struct Passed {
  std::vector<std::vector<float>> logits;
  std::vector<float> kv;  // of all layers and heads, in order of tokens
};

Passed run(const Model& model, const std::vector<Token>& tokens, KvLayout layout, std::size_t chunk,
           std::vector<std::size_t> cuts = {}, std::size_t page_tokens = 16) {
  const ModelConfig& c = model.config;
  Transformer transformer(model, tokens.size());
  PagedKvCache kv({.layers = c.layers,
                   .kv_heads = c.kv_heads,
                   .head_dim = c.head_dim,
                   .pages = 64,
                   .page_tokens = page_tokens,
                   .layout = layout});
  const BlockTable table = kv.allocate(tokens.size()).value();
  Passed out;
  std::size_t start = 0;
  for (std::size_t end : chunk_ends(0, tokens.size(), chunk, cuts)) {
    Batch batch = transformer.embed_prompt({tokens.data() + start, end - start}, start);
    for (std::size_t layer = 0; layer < c.layers; ++layer) transformer.run_layer(batch, layer, kv, table);
    for (std::size_t i = 0; i < batch.count; ++i) {
      const auto logits = transformer.logits(batch, i);
      out.logits.emplace_back(logits.begin(), logits.end());
    }
    start = end;
  }
  for (std::size_t layer = 0; layer < c.layers; ++layer) {
    for (KvPlane plane : {KvPlane::kKeys, KvPlane::kValues}) {
      for (std::size_t head = 0; head < c.kv_heads; ++head) {
        std::vector<float> values(tokens.size() * c.head_dim);
        kv.gather(layer, plane, table, head, tokens.size(), values.data());
        out.kv.insert(out.kv.end(), values.begin(), values.end());
      }
    }
  }
  return out;
}

std::vector<Token> prompt(std::size_t count) { return testing::Numbers(9).tokens(count, 200); }

TEST(Transformer, AgreesWithTheDefinition) {
  const auto tokens = prompt(130);
  const auto expected = testing::reference_logits(tiny_model(), tokens);
  const Passed got = run(tiny_model(), tokens, KvLayout::kNhd, 96);
  ASSERT_EQ(got.logits.size(), expected.size());
  double range = 0;
  for (const auto& row : expected) {
    for (double x : row) range = std::max(range, std::abs(x));
  }
  for (std::size_t t = 0; t < expected.size(); ++t) {
    for (std::size_t i = 0; i < expected[t].size(); ++i) ASSERT_NEAR(got.logits[t][i], expected[t][i], 1e-5 * range);
  }
}

TEST(Transformer, ResultsDoNotDependOnTheChunks) {
  const auto tokens = prompt(300);
  const Passed whole = run(tiny_model(), tokens, KvLayout::kNhd, 300);
  const Passed chunked = run(tiny_model(), tokens, KvLayout::kNhd, 48);
  const Passed odd = run(tiny_model(), tokens, KvLayout::kNhd, 112, {16, 272, 288});
  EXPECT_EQ(whole.kv, chunked.kv);
  EXPECT_EQ(whole.kv, odd.kv);
  EXPECT_EQ(whole.logits, chunked.logits);
  EXPECT_EQ(whole.logits, odd.logits);
}

TEST(Transformer, ResultsDoNotDependOnLayoutOrPages) {
  const auto tokens = prompt(150);
  const Passed nhd = run(tiny_model(), tokens, KvLayout::kNhd, 96);
  const Passed hnd = run(tiny_model(), tokens, KvLayout::kHnd, 96);
  const Passed large_pages = run(tiny_model(), tokens, KvLayout::kHnd, 96, {}, 64);
  EXPECT_EQ(nhd.kv, hnd.kv);
  EXPECT_EQ(nhd.logits, hnd.logits);
  EXPECT_EQ(nhd.kv, large_pages.kv);
  EXPECT_EQ(nhd.logits, large_pages.logits);
}

TEST(Transformer, AGeneratedTokenGivesWhatAPromptTokenGives) {
  const Model& model = tiny_model();
  const auto tokens = prompt(70);
  const Passed whole = run(model, tokens, KvLayout::kNhd, 96);
  Transformer transformer(model, tokens.size());
  PagedKvCache kv({.layers = 3, .kv_heads = 2, .head_dim = 16, .pages = 8});
  const BlockTable table = kv.allocate(tokens.size()).value();
  for (std::size_t position = 0; position < tokens.size(); ++position) {
    Batch batch = transformer.embed_next(tokens[position], position);
    for (std::size_t layer = 0; layer < 3; ++layer) transformer.run_layer(batch, layer, kv, table);
    const auto logits = transformer.logits(batch, 0);
    for (std::size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(logits[i], whole.logits[position][i], 2e-4);
  }
}

TEST(Argmax, TakesTheLowestOfEquals) {
  const float scores[] = {1, 3, 2, 3};
  EXPECT_EQ(argmax(scores), 1u);
}

}  // namespace
}  // namespace kvp2p::engine
