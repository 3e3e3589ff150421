#include "engine/model_config.h"

#include "engine/engine_error.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace kvp2p::engine {
namespace {

using Json = nlohmann::json;

Json llama() {
  return {{"model_type", "llama"},
          {"hidden_size", 576},
          {"intermediate_size", 1536},
          {"num_hidden_layers", 30},
          {"num_attention_heads", 9},
          {"num_key_value_heads", 3},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 100000},
          {"vocab_size", 49152},
          {"tie_word_embeddings", true},
          {"bos_token_id", 1},
          {"eos_token_id", 2},
          {"max_position_embeddings", 8192},
          {"hidden_act", "silu"},
          {"rope_scaling", nullptr}};
}

Json with(const char* name, Json value) {
  Json config = llama();
  config[name] = std::move(value);
  return config;
}

Json without(const char* name) {
  Json config = llama();
  config.erase(name);
  return config;
}

base::Error error_of(const Json& config) {
  auto parsed = parse_model_config(config.dump());
  return parsed ? base::Error() : parsed.error();
}

TEST(ModelConfig, ReadsALlama) {
  const auto c = parse_model_config(llama().dump());
  ASSERT_TRUE(c) << c.error().message();
  EXPECT_EQ(c->layers, 30u);
  EXPECT_EQ(c->hidden, 576u);
  EXPECT_EQ(c->heads, 9u);
  EXPECT_EQ(c->kv_heads, 3u);
  EXPECT_EQ(c->head_dim, 64u);
  EXPECT_EQ(c->intermediate, 1536u);
  EXPECT_EQ(c->vocab, 49152u);
  EXPECT_EQ(c->max_positions, 8192u);
  EXPECT_EQ(c->rope_theta, 100000);
  EXPECT_EQ(c->rms_norm_eps, 1e-5);
  EXPECT_TRUE(c->tied_embeddings);
  EXPECT_EQ(c->bos_token, 1u);
  EXPECT_EQ(c->eos_tokens, std::vector<std::uint32_t>{2});
  EXPECT_FALSE(c->rope_scaling);
}

TEST(ModelConfig, DefaultsWhatMayBeAbsent) {
  EXPECT_EQ(parse_model_config(without("num_key_value_heads").dump())->kv_heads, 9u);
  EXPECT_FALSE(parse_model_config(without("tie_word_embeddings").dump())->tied_embeddings);
  EXPECT_EQ(parse_model_config(with("head_dim", 32).dump())->head_dim, 32u);
  EXPECT_EQ(parse_model_config(with("eos_token_id", {2, 7}).dump())->eos_tokens, (std::vector<std::uint32_t>{2, 7}));
}

TEST(ModelConfig, ReadsLlama3RopeScaling) {
  const Json scaling = {{"rope_type", "llama3"},
                        {"factor", 8.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 8192}};
  const auto c = parse_model_config(with("rope_scaling", scaling).dump());
  ASSERT_TRUE(c && c->rope_scaling);
  EXPECT_EQ(*c->rope_scaling, (Llama3RopeScaling{8, 1, 4, 8192}));
}

TEST(ModelConfig, ReadsTheNewerRopeParameters) {
  Json config = without("rope_theta");
  config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 500000.0}};
  const auto c = parse_model_config(config.dump());
  ASSERT_TRUE(c);
  EXPECT_EQ(c->rope_theta, 500000);
  EXPECT_FALSE(c->rope_scaling);
}

TEST(ModelConfig, OtherRopeScalingIsRefused) {
  EXPECT_EQ(error_of(with("rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}})),
            EngineError::kUnsupportedRopeScaling);
  EXPECT_EQ(error_of(with("rope_scaling", {{"type", "linear"}, {"factor", 4.0}})),
            EngineError::kUnsupportedRopeScaling);
  EXPECT_EQ(error_of(with("rope_scaling", {{"rope_type", "llama3"}, {"factor", 4.0}})),
            EngineError::kConfigFieldMissing);
  EXPECT_EQ(error_of(with("rope_scaling", 3)), EngineError::kConfigFieldOutOfBounds);
}

TEST(ModelConfig, OtherArchitecturesAreRefused) {
  EXPECT_EQ(error_of(with("model_type", "qwen2")), EngineError::kUnsupportedArchitecture);
  EXPECT_EQ(error_of(without("model_type")), EngineError::kUnsupportedArchitecture);
  EXPECT_EQ(error_of(with("hidden_act", "gelu")), EngineError::kUnsupportedArchitecture);
  EXPECT_EQ(error_of(with("attention_bias", true)), EngineError::kUnsupportedArchitecture);
  EXPECT_EQ(error_of(with("sliding_window", 4096)), EngineError::kUnsupportedArchitecture);
  EXPECT_EQ(error_of(with("quantization_config", Json::object())), EngineError::kUnsupportedArchitecture);
}

TEST(ModelConfig, MissingFieldsAreNamedAsSuch) {
  for (const char* name :
       {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size"}) {
    EXPECT_EQ(error_of(without(name)), EngineError::kConfigFieldMissing) << name;
  }
}

TEST(ModelConfig, AbsurdValuesAreRefused) {
  for (const Json& bad :
       {Json(0), Json(-1), Json(1e9), Json(4294967297u), Json("64"), Json(1.5), Json(Json::array())}) {
    for (const char* name : {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
                             "vocab_size", "num_key_value_heads", "max_position_embeddings", "head_dim"}) {
      EXPECT_EQ(error_of(with(name, bad)), EngineError::kConfigFieldOutOfBounds) << name << " " << bad;
    }
  }
  EXPECT_EQ(error_of(with("num_key_value_heads", 4)), EngineError::kConfigFieldOutOfBounds);
  EXPECT_EQ(error_of(with("num_attention_heads", 7)), EngineError::kConfigFieldOutOfBounds);
  EXPECT_EQ(error_of(with("head_dim", 63)), EngineError::kConfigFieldOutOfBounds);
  EXPECT_EQ(error_of(with("rms_norm_eps", 0)), EngineError::kConfigFieldOutOfBounds);
  EXPECT_EQ(error_of(with("rope_theta", "big")), EngineError::kConfigFieldOutOfBounds);
  EXPECT_EQ(error_of(with("eos_token_id", 49152)), EngineError::kConfigFieldOutOfBounds);
  EXPECT_EQ(error_of(with("eos_token_id", std::vector<int>(17, 2))), EngineError::kConfigFieldOutOfBounds);
}

TEST(ModelConfig, WhatIsNoJsonObjectIsRefused) {
  for (const char* text : {"", "{", "[]", "null", "{\"hidden_size\":1e999}", "\xff\xfe"}) {
    auto parsed = parse_model_config(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error(), EngineError::kBadJson) << text;
  }
  EXPECT_EQ(parse_model_config(std::string(kConfigBytesMax + 1, ' ')).error(), EngineError::kFileTooLarge);
  EXPECT_FALSE(parse_model_config(std::string(kConfigBytesMax, '[')));
}

}  // namespace
}  // namespace kvp2p::engine
