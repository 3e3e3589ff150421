#include "engine/synthetic_model.h"

#include "engine/engine_error.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kvp2p::engine {
namespace {

TEST(SyntheticModel, ReadsASpec) {
  const auto spec = parse_synthetic_spec("synthetic:layers=2,hidden=64,heads=4,kv_heads=2,seed=7,tied=0,vocab=100");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->seed, 7u);
  EXPECT_EQ(spec->config.head_dim, 16u);
  EXPECT_EQ(spec->config.intermediate, 192u);
  EXPECT_FALSE(spec->config.tied_embeddings);
  EXPECT_EQ(canonical_text(*spec),
            "synthetic:layers=2,hidden=64,heads=4,kv_heads=2,head_dim=16,intermediate=192,vocab=100,max_positions=8192,"
            "rope_theta=10000,tied=0,seed=7");
  EXPECT_EQ(parse_synthetic_spec(canonical_text(*spec))->config, spec->config);
  EXPECT_TRUE(parse_synthetic_spec("synthetic:"));
}

TEST(SyntheticModel, BadSpecsAreRefused) {
  for (const char* text : {"", "layers=2", "synthetic:layers", "synthetic:layers=", "synthetic:layers=-1",
                           "synthetic:x=1", "synthetic:layers=0", "synthetic:layers=2 ", "synthetic:heads=0",
                           "synthetic:kv_heads=3", "synthetic:hidden=4294967552", "synthetic:tied=2",
                           "synthetic:layers=99999999999999999999", "synthetic:hidden=70000", "synthetic:,"}) {
    auto spec = parse_synthetic_spec(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_EQ(spec.error(), EngineError::kBadSyntheticSpec) << text;
  }
}

TEST(SyntheticModel, AModelTooLargeIsRefusedBeforeItIsAllocated) {
  const auto spec = parse_synthetic_spec("synthetic:layers=512,hidden=65536,heads=512,kv_heads=512");
  ASSERT_TRUE(spec);
  EXPECT_EQ(make_synthetic_model(*spec).error(), EngineError::kModelTooLarge);
}

TEST(SyntheticModel, WeightsAreTheSameEverywhere) {
  const Model model =
      make_synthetic_model(*parse_synthetic_spec("synthetic:layers=1,hidden=64,heads=4,kv_heads=2,seed=7")).value();
  // Computed apart from this code: another value would put a machine's blocks under keys that promise other bytes.
  EXPECT_EQ(model.embedding.values[0], -0x1.8c99bp-2f);
  EXPECT_EQ(model.layers[0].qkv.values[0], 0x1.5155c8p-4f);
  EXPECT_EQ(model.layers[0].down.values[777], 0x1.697e1p-6f);
}

TEST(SyntheticModel, SeedsDiffer) {
  const auto first_weight = [](const char* text) {
    return make_synthetic_model(*parse_synthetic_spec(text)).value().embedding.values[0];
  };
  EXPECT_NE(first_weight("synthetic:layers=1,seed=1"), first_weight("synthetic:layers=1,seed=2"));
}

TEST(SyntheticModel, WeightsAreUniform) {
  const Model model = make_synthetic_model(*parse_synthetic_spec("synthetic:layers=1,hidden=256")).value();
  double sum = 0;
  double squares = 0;
  for (float x : model.embedding.values) {
    ASSERT_TRUE(x >= -1 && x < 1);
    sum += x;
    squares += x * x;
  }
  const auto count = static_cast<double>(model.embedding.values.size());
  EXPECT_NEAR(sum / count, 0, 0.01);
  EXPECT_NEAR(squares / count, 1.0 / 3, 0.01);
}

}  // namespace
}  // namespace kvp2p::engine
