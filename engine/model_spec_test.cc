#include "engine/model_spec.h"

#include "engine/paged_kv_cache.h"

#include "engine/model_loader.h"

#include <gtest/gtest.h>

namespace kvp2p::engine {
namespace {

ModelSpec spec_of(const char* name) { return model_spec_of(load_model(name).value(), {}).value(); }

TEST(ModelSpec, SaysAllThatASyntheticModelIs) {
  const ModelSpec spec = spec_of("synthetic:layers=2,hidden=64,heads=4,kv_heads=2,seed=7");
  EXPECT_TRUE(spec.weights_digest.starts_with("synthetic:layers=2,")) << spec.weights_digest;
  EXPECT_LE(spec.weights_digest.size(), kModelFieldBytesMax);
  EXPECT_EQ(spec.architecture, "llama,heads=4,rms_norm_eps=1e-05");
  EXPECT_EQ(spec.layers, 2u);
  EXPECT_EQ(spec.kv_heads, 2u);
  EXPECT_EQ(spec.head_dim, 16u);
  EXPECT_EQ(spec.rope, "theta=10000,scaling=none");
}

TEST(ModelSpec, SeedsAreDifferentModels) {
  EXPECT_NE(fingerprint_of(spec_of("synthetic:layers=2,seed=1")), fingerprint_of(spec_of("synthetic:layers=2,seed=2")));
  EXPECT_EQ(fingerprint_of(spec_of("synthetic:layers=2,seed=1")), fingerprint_of(spec_of("synthetic:seed=1,layers=2")));
}

TEST(ModelSpec, ScalingIsPartOfRope) {
  Model model = load_model("synthetic:layers=1").value();
  model.config.rope_scaling = Llama3RopeScaling{8, 1, 4, 8192};
  EXPECT_EQ(model_spec_of(model, {})->rope, "theta=10000,scaling=llama3,factor=8,low=1,high=4,original=8192");
}

TEST(Layout, SlotsFollowTheBlockTable) {
  EXPECT_EQ(slots_of({4, 2, 9}, 16, 33), (std::vector<Slot>{4, 2, 9}));
  EXPECT_EQ(slots_of({4, 2}, 32, 49), (std::vector<Slot>{8, 9, 4, 5}));
  EXPECT_EQ(slots_of({4, 2}, 32, 48), (std::vector<Slot>{8, 9, 4}));
}

TEST(Layout, FitsItsRegion) {
  for (KvLayout layout : {KvLayout::kNhd, KvLayout::kHnd}) {
    PagedKvCache kv({.layers = 3, .kv_heads = 2, .head_dim = 8, .pages = 5, .page_tokens = 32, .layout = layout});
    EXPECT_TRUE(layout_of(kv).fits(kv.region().size()));
    EXPECT_FALSE(layout_of(kv).fits(kv.region().size() - 1));
  }
}

}  // namespace
}  // namespace kvp2p::engine
