#include "engine/tensor_files.h"

#include "engine/engine_error.h"
#include "engine/model_loader.h"
#include "engine/testing/model_folder.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

namespace kvp2p::engine {
namespace {

using testing::ModelFolder;

constexpr char kTinyConfig[] = R"({"model_type":"llama","hidden_size":4,"intermediate_size":4,"num_hidden_layers":1,
  "num_attention_heads":2,"num_key_value_heads":1,"vocab_size":3,"max_position_embeddings":64,"tie_word_embeddings":true})";

/// The tensors of a model of kTinyConfig, each filled with one number.
std::vector<testing::TestTensor> tiny_tensors() {
  const std::string layer = "model.layers.0.";
  return {{"model.embed_tokens.weight", {3, 4}, 1},       {"model.norm.weight", {4}, 2},
          {layer + "input_layernorm.weight", {4}, 3},     {layer + "self_attn.q_proj.weight", {4, 4}, 4},
          {layer + "self_attn.k_proj.weight", {2, 4}, 5}, {layer + "self_attn.v_proj.weight", {2, 4}, 6},
          {layer + "self_attn.o_proj.weight", {4, 4}, 7}, {layer + "post_attention_layernorm.weight", {4}, 8},
          {layer + "mlp.gate_proj.weight", {4, 4}, 9},    {layer + "mlp.up_proj.weight", {4, 4}, 10},
          {layer + "mlp.down_proj.weight", {4, 4}, 11}};
}

TEST(TensorFiles, ReadsTensorsOfEachType) {
  ModelFolder folder;
  folder.write_safetensors("model.safetensors",
                           {{"a", {2}, 1.5f, "F32"}, {"b", {3}, -2, "BF16"}, {"c", {1}, 0.5f, "F16"}});
  const auto files = TensorFiles::open(folder.path());
  ASSERT_TRUE(files) << files.error().message();
  float out[3];
  const std::uint64_t two[] = {2};
  const std::uint64_t three[] = {3};
  const std::uint64_t one[] = {1};
  ASSERT_TRUE(files->read("a", two, {out, 2}));
  EXPECT_EQ(out[1], 1.5f);
  ASSERT_TRUE(files->read("b", three, {out, 3}));
  EXPECT_EQ(out[2], -2.0f);
  ASSERT_TRUE(files->read("c", one, {out, 1}));
  EXPECT_EQ(out[0], 0.5f);
  EXPECT_EQ(files->read("a", three, {out, 3}).error(), EngineError::kTensorShapeMismatch);
  EXPECT_EQ(files->read("z", one, {out, 1}).error(), EngineError::kTensorMissing);
}

TEST(TensorFiles, ReadsShards) {
  ModelFolder folder;
  folder.write_safetensors("m-1.safetensors", {{"a", {2}, 1}});
  folder.write_safetensors("m-2.safetensors", {{"b", {2}, 2}});
  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}})");
  const auto files = TensorFiles::open(folder.path());
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_TRUE(files->has("a") && files->has("b"));
  EXPECT_EQ(files->paths().size(), 2u);
}

TEST(TensorFiles, ATensorInTwoShardsIsRefused) {
  ModelFolder folder;
  folder.write_safetensors("m-1.safetensors", {{"a", {2}, 1}});
  folder.write_safetensors("m-2.safetensors", {{"a", {2}, 2}});
  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}})");
  EXPECT_EQ(TensorFiles::open(folder.path()).error(), EngineError::kDuplicateTensor);
}

TEST(TensorFiles, AFileCutShortIsRefused) {
  ModelFolder folder;
  folder.write_safetensors("model.safetensors", {{"a", {1000}, 1}});
  const std::string path = folder.path() + "/model.safetensors";
  const auto whole = std::filesystem::file_size(path);
  for (std::uintmax_t bytes :
       {std::uintmax_t{0}, std::uintmax_t{7}, std::uintmax_t{8}, std::uintmax_t{20}, whole - 1}) {
    std::filesystem::resize_file(path, bytes);
    EXPECT_FALSE(TensorFiles::open(folder.path())) << bytes;
    folder.write_safetensors("model.safetensors", {{"a", {1000}, 1}});
  }
  const auto files = TensorFiles::open(folder.path());
  ASSERT_TRUE(files);
  std::filesystem::resize_file(path, whole - 1);
  std::vector<float> out(1000);
  const std::uint64_t shape[] = {1000};
  EXPECT_EQ(files->read("a", shape, out).error(), EngineError::kTensorOutOfFile);
}

TEST(ModelLoader, PutsEachTensorInItsPlace) {
  ModelFolder folder;
  folder.write("config.json", kTinyConfig);
  folder.write_safetensors("model.safetensors", tiny_tensors());
  const auto model = load_model(folder.path());
  ASSERT_TRUE(model) << model.error().message();
  const LayerWeights& layer = model->layers[0];
  EXPECT_EQ(model->embedding.row(2)[3], 1);
  EXPECT_EQ(model->final_norm[3], 2);
  EXPECT_EQ(layer.attention_norm[0], 3);
  EXPECT_EQ(layer.qkv.row(3)[3], 4);
  EXPECT_EQ(layer.qkv.row(4)[0], 5);
  EXPECT_EQ(layer.qkv.row(7)[3], 6);
  EXPECT_EQ(layer.attention_out.row(0)[0], 7);
  EXPECT_EQ(layer.mlp_norm[0], 8);
  EXPECT_EQ(layer.gate_up.row(3)[3], 9);
  EXPECT_EQ(layer.gate_up.row(4)[0], 10);
  EXPECT_EQ(layer.down.row(3)[3], 11);
  EXPECT_EQ(model->weights_files, std::vector<std::string>{folder.path() + "/model.safetensors"});
}

TEST(ModelLoader, EachMissingOrMisshapenTensorIsNoticed) {
  for (std::size_t i = 0; i < tiny_tensors().size(); ++i) {
    ModelFolder folder;
    folder.write("config.json", kTinyConfig);
    auto tensors = tiny_tensors();
    tensors[i].shape.push_back(1);
    folder.write_safetensors("model.safetensors", tensors);
    EXPECT_EQ(load_model(folder.path()).error(), EngineError::kTensorShapeMismatch) << tensors[i].name;
    tensors.erase(tensors.begin() + static_cast<std::ptrdiff_t>(i));
    folder.write_safetensors("model.safetensors", tensors);
    EXPECT_EQ(load_model(folder.path()).error(), EngineError::kTensorMissing);
  }
}

TEST(ModelLoader, AnUntiedModelNeedsItsOutputMatrix) {
  ModelFolder folder;
  std::string config = kTinyConfig;
  config.replace(config.rfind("true"), 4, "false");
  folder.write("config.json", config);
  auto tensors = tiny_tensors();
  folder.write_safetensors("model.safetensors", tensors);
  EXPECT_EQ(load_model(folder.path()).error(), EngineError::kTensorMissing);
  tensors.push_back({"lm_head.weight", {3, 4}, 12});
  folder.write_safetensors("model.safetensors", tensors);
  EXPECT_EQ(load_model(folder.path())->output_matrix().row(0)[0], 12);
}

TEST(ModelLoader, AFolderThatIsNoneIsAnError) {
  EXPECT_EQ(load_model("/nowhere").error(), EngineError::kFileUnreadable);
}

}  // namespace
}  // namespace kvp2p::engine
