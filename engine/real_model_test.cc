// The engine on a real model. Run in the checkout's root, with the model that scripts/model/fetch_model.sh makes;
// without it prints "not run: <reason>" and exits with 77.
#include "engine/engine.h"
#include "engine/matmul.h"
#include "engine/model_loader.h"
#include "engine/token_file.h"
#include "engine/vocab.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>

namespace kvp2p::engine {
namespace {

const std::string kFolder = ".cache/models/smollm2-135m";
constexpr std::size_t kPromptTokens = 600;
constexpr std::size_t kGenerated = 24;

const Model& model() {
  static const Model loaded = load_model(kFolder).value();
  return loaded;
}

std::vector<Token> text() {
  auto tokens = read_token_file(kFolder + "/tokens.txt").value();
  tokens.resize(kPromptTokens);
  return tokens;
}

EngineOptions options() {
  EngineOptions out;
  out.tokens_max = out.kv_tokens = 1024;
  out.stop_at_end_token = false;
  return out;
}

struct Outcome {
  std::string kv_digest;
  std::vector<Token> generated;
};

Outcome run(const EngineOptions& engine_options) {
  Engine engine(model(), engine_options);
  auto sequence = engine.prefill(text()).value();
  return {sequence.kv_digest(kPromptTokens), engine.decode(sequence, kGenerated).value()};
}

TEST(RealModel, TheTextIsLongEnoughAndDecodes) {
  const auto tokens = read_token_file(kFolder + "/tokens.txt").value();
  EXPECT_GE(tokens.size(), 768u);
  const auto vocab = Vocab::read(kFolder + "/vocab.json");
  ASSERT_TRUE(vocab);
  EXPECT_TRUE(vocab->decode(tokens).starts_with("How the Tide Reaches the Harbour\n"));
}

TEST(RealModel, PredictsEnglish) {
  // Guessing English well means that every part of the network is right: chance is 1 in 49,152.
  const auto tokens = text();
  Transformer transformer(model(), kPromptTokens);
  PagedKvCache kv({.layers = model().config.layers,
                   .kv_heads = model().config.kv_heads,
                   .head_dim = model().config.head_dim,
                   .pages = kPromptTokens / kPageTokensUnit + 1});
  const BlockTable table = kv.allocate(kPromptTokens).value();
  Batch batch = transformer.embed_prompt(tokens, 0);
  for (std::size_t layer = 0; layer < model().config.layers; ++layer) transformer.run_layer(batch, layer, kv, table);
  std::size_t guessed = 0;
  std::size_t asked = 0;
  for (std::size_t i = 100; i + 1 < kPromptTokens; i += 5, ++asked) {
    guessed += argmax(transformer.logits(batch, i)) == tokens[i + 1];
  }
  std::printf("guessed %zu of %zu tokens\n", guessed, asked);
  EXPECT_GT(guessed * 4, asked);
}

TEST(RealModel, ChunksAndLayoutsGiveEqualBits) {
  const Outcome expected = run(options());
  EngineOptions other = options();
  other.layout = KvLayout::kHnd;
  other.page_tokens = 32;
  other.chunk_tokens = 128;
  other.extra_cuts = {304, 592};
  const Outcome got = run(other);
  EXPECT_EQ(got.kv_digest, expected.kv_digest);
  EXPECT_EQ(got.generated, expected.generated);
}

}  // namespace
}  // namespace kvp2p::engine

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (!std::filesystem::exists(kvp2p::engine::kFolder + "/.complete")) {
    std::printf("not run: %s is not there; scripts/model/fetch_model.sh makes it\n", kvp2p::engine::kFolder.c_str());
    return 77;
  }
  kvp2p::engine::set_blas_threads(0);
  return RUN_ALL_TESTS();
}
