// The shape of a Llama-family model, read from a Hugging Face config.json.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kvp2p::engine {

/// Bounds on what a config.json may ask for. They keep every product of two of them far from overflow.
inline constexpr std::size_t kConfigBytesMax = 1 << 20;
inline constexpr std::uint32_t kLayersMax = 512;
inline constexpr std::uint32_t kHiddenMax = 1 << 16;
inline constexpr std::uint32_t kHeadsMax = 1024;
inline constexpr std::uint32_t kHeadDimMax = 1024;
inline constexpr std::uint32_t kIntermediateMax = 1 << 18;
inline constexpr std::uint32_t kVocabMax = 1 << 21;
inline constexpr std::uint32_t kPositionsMax = 1 << 24;
inline constexpr std::size_t kEosTokensMax = 16;

/// Llama 3's stretching of the low RoPE frequencies.
struct Llama3RopeScaling {
  double factor = 1;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  std::uint32_t original_max_positions = 8192;

  bool operator==(const Llama3RopeScaling&) const = default;
};

/// A value. Whoever has one from parse_model_config() may rely on the bounds above, on heads being a multiple of
/// kv_heads and on an even head_dim.
struct ModelConfig {
  std::uint32_t layers = 0;
  std::uint32_t hidden = 0;
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  std::uint32_t intermediate = 0;
  std::uint32_t vocab = 0;
  std::uint32_t max_positions = 0;
  double rms_norm_eps = 1e-5;
  double rope_theta = 10000;
  std::optional<Llama3RopeScaling> rope_scaling;
  bool tied_embeddings = false;
  std::optional<std::uint32_t> bos_token;
  /// Generation stops after any of these.
  std::vector<std::uint32_t> eos_tokens;

  std::uint32_t query_width() const { return heads * head_dim; }
  std::uint32_t kv_width() const { return kv_heads * head_dim; }

  bool operator==(const ModelConfig&) const = default;
};

/// Pure. `text` is hostile.
base::Result<ModelConfig> parse_model_config(std::string_view text);

/// The bounds that parse_model_config() enforces, for configurations made in other ways.
base::Result<> check_model_config(const ModelConfig& config);

}  // namespace kvp2p::engine
