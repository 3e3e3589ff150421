// Models made from a seed: any shape, no files, the same weights on every machine.
#pragma once

#include "engine/weights.h"

#include <string_view>

namespace kvp2p::engine {

inline constexpr std::string_view kSyntheticPrefix = "synthetic:";

struct SyntheticSpec {
  ModelConfig config;
  std::uint64_t seed = 1;
};

/// Reads "synthetic:layers=4,hidden=256,heads=8,kv_heads=2,seed=7". More keys: head_dim (hidden/heads), intermediate
/// (3*hidden), vocab (1024), max_positions (8192), rope_theta (10000), tied (1). All have defaults. Pure.
base::Result<SyntheticSpec> parse_synthetic_spec(std::string_view text);

/// All keys in a fixed order: equal texts mean equal weights.
std::string canonical_text(const SyntheticSpec& spec);

/// Element i of tensor t is mix(synthetic_stream(seed, t) + i), scaled: for those who make the same weights elsewhere.
std::uint64_t synthetic_stream(std::uint64_t seed, std::uint64_t tensor);
/// The scale of a matrix with this many inputs.
float synthetic_scale(std::size_t inputs);

/// Uniform weights whose scale keeps activations near one. Each is a function of seed, tensor and index, in integer
/// arithmetic and one exact conversion to float.
base::Result<Model> make_synthetic_model(const SyntheticSpec& spec);

}  // namespace kvp2p::engine
