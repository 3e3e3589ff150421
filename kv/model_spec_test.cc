#include "kv/model_spec.h"

#include <gtest/gtest.h>

#include <set>

namespace kvp2p {
namespace {

// The worked example of docs/keys.md.
ModelSpec example() {
  ModelSpec spec;
  spec.weights_digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  spec.architecture = "llama";
  spec.layers = 30;
  spec.kv_heads = 3;
  spec.head_dim = 64;
  spec.layer_types = "full";
  spec.rope = "theta=10000,scaling=none";
  spec.quantisation = "none";
  return spec;
}

TEST(ModelSpecTest, TheFingerprintOfTheDocumentsExampleNeverChanges) {
  EXPECT_EQ(fingerprint_of(example()).to_hex(), "a2797f1c881a90b9acf45aad739e1474bf9197eaa4b692697b8e005ccd29d07e");
}

TEST(ModelSpecTest, EveryFieldChangesTheFingerprint) {
  std::vector<ModelSpec> specs(15, example());
  specs[1].weights_digest[0] = '1';
  specs[2].architecture = "qwen2";
  specs[3].layers = 31;
  specs[4].kv_heads = 4;
  specs[5].head_dim = 80;
  specs[6].planes = 1;
  specs[7].layer_types = "sliding";
  specs[8].sliding_window = 4096;
  specs[9].mla_ranks = "512+64";
  specs[10].rope = "theta=500000,scaling=none";
  specs[11].quantisation = "awq-4bit";
  specs[12].kv_element = ElementType::kBf16;  // lmdeploy and Mooncake 4930: a key without the KV dtype
  specs[13].kv_scales = "ff";
  specs[14].numeric_policy = "strict:llama.cpp,sm_90,flash";
  std::set<Fingerprint> fingerprints;
  for (const ModelSpec& spec : specs) fingerprints.insert(fingerprint_of(spec));
  EXPECT_EQ(fingerprints.size(), specs.size());
  EXPECT_EQ(example().fields().size(), specs.size() - 1) << "a new field needs a row here";
}

// SGLang 24758: two weights under one served name shared pages.
TEST(ModelSpecTest, OtherWeightsOfTheSameShapeAreAnotherModel) {
  ModelSpec tuned = example();
  tuned.weights_digest = std::string(64, 'a');
  EXPECT_NE(fingerprint_of(tuned), fingerprint_of(example()));
}

TEST(ModelSpecTest, TextCannotMoveFromOneFieldToTheNext) {
  ModelSpec a = example();
  ModelSpec b = example();
  a.rope = "theta=1";
  a.quantisation = "none";
  b.rope = "theta=1n";
  b.quantisation = "one";
  EXPECT_NE(fingerprint_of(a), fingerprint_of(b));
  EXPECT_NE(fingerprint_of(ModelFields{{"ab", "c"}}), fingerprint_of(ModelFields{{"a", "bc"}}));
  EXPECT_NE(fingerprint_of(ModelFields{{"a", ""}}), fingerprint_of(ModelFields{}));
}

TEST(ModelSpecTest, FieldsFitTheWireAndLongOnesStayDistinct) {
  ModelSpec a = example();
  for (int i = 0; i < 80; ++i) a.layer_types += i % 6 ? ",sliding" : ",full";
  ModelSpec b = a;
  b.layer_types += ",full";
  EXPECT_LE(a.fields().size(), kModelFieldsMax);
  for (const auto& [name, text] : a.fields()) EXPECT_LE(text.size(), kModelFieldBytesMax) << name;
  EXPECT_NE(fingerprint_of(a), fingerprint_of(b));
}

TEST(ModelSpecTest, TheDifferenceNamesTheFields) {
  ModelSpec theirs = example();
  theirs.kv_element = ElementType::kBf16;
  theirs.layers = 32;
  const auto rows = differences(example().fields(), theirs.fields());
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].name, "layers");
  EXPECT_EQ(rows[0].ours, "30");
  EXPECT_EQ(rows[0].theirs, "32");
  EXPECT_EQ(rows[1].name, "kv_element");
  EXPECT_EQ(rows[1].ours, "f32");
  EXPECT_EQ(rows[1].theirs, "bf16");
  EXPECT_TRUE(differences(example().fields(), example().fields()).empty());
}

TEST(ModelSpecTest, FieldsThatOneSideLacksAreDifferences) {
  const ModelFields ours = {{"a", "1"}, {"b", "2"}};
  const ModelFields theirs = {{"c", "3"}, {"b", "2"}};
  const auto rows = differences(ours, theirs);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].name, "a");
  EXPECT_EQ(rows[0].theirs, "");
  EXPECT_EQ(rows[1].name, "c");
  EXPECT_EQ(rows[1].ours, "");
}

TEST(ModelSpecTest, DifferencesAreBounded) {
  ModelFields theirs;
  for (int i = 0; i < 1000; ++i) theirs.emplace_back("field" + std::to_string(i), "x");
  EXPECT_EQ(differences(example().fields(), theirs).size(), kModelFieldsMax);
}

}  // namespace
}  // namespace kvp2p
