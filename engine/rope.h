// Rotary position embedding with Hugging Face's pairing: element i turns with element i + head_dim / 2.
#pragma once

#include "engine/model_config.h"

#include <cstddef>
#include <span>
#include <vector>

namespace kvp2p::engine {

/// The angle per position of each of head_dim / 2 pairs, after the configuration's scaling.
std::vector<double> rope_frequencies(const ModelConfig& config);

/// Sines and cosines for positions [0, positions). Immutable.
class Rope {
 public:
  Rope(const ModelConfig& config, std::size_t positions);

  /// Turns one head's vector in place. REQUIRES: position < positions.
  void apply(float* head, std::size_t position) const;

  /// [position][pair].
  std::span<const float> cosines() const { return cos_; }
  std::span<const float> sines() const { return sin_; }

 private:
  std::size_t half_;
  std::vector<float> cos_;  // [position][pair]
  std::vector<float> sin_;
};

}  // namespace kvp2p::engine
