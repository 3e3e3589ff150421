#include "engine/rope.h"

#include <cmath>
#include <numbers>

namespace kvp2p::engine {
namespace {

/// Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, those between blended.
double scale_llama3(double frequency, const Llama3RopeScaling& s) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  const double original = s.original_max_positions;
  if (wavelength < original / s.high_freq_factor) return frequency;
  if (wavelength > original / s.low_freq_factor) return frequency / s.factor;
  const double kept = (original / wavelength - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
  return (1 - kept) * frequency / s.factor + kept * frequency;
}

}  // namespace

std::vector<double> rope_frequencies(const ModelConfig& config) {
  std::vector<double> frequencies(config.head_dim / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] = std::pow(config.rope_theta, -2.0 * static_cast<double>(i) / config.head_dim);
    if (config.rope_scaling) frequencies[i] = scale_llama3(frequencies[i], *config.rope_scaling);
  }
  return frequencies;
}

Rope::Rope(const ModelConfig& config, std::size_t positions) : half_(config.head_dim / 2) {
  const std::vector<double> frequencies = rope_frequencies(config);
  cos_.reserve(positions * half_);
  sin_.reserve(positions * half_);
  for (std::size_t position = 0; position < positions; ++position) {
    for (double frequency : frequencies) {
      cos_.push_back(static_cast<float>(std::cos(static_cast<double>(position) * frequency)));
      sin_.push_back(static_cast<float>(std::sin(static_cast<double>(position) * frequency)));
    }
  }
}

void Rope::apply(float* head, std::size_t position) const {
  const float* cos = cos_.data() + position * half_;
  const float* sin = sin_.data() + position * half_;
  for (std::size_t i = 0; i < half_; ++i) {
    const float a = head[i];
    const float b = head[i + half_];
    head[i] = a * cos[i] - b * sin[i];
    head[i + half_] = b * cos[i] + a * sin[i];
  }
}

}  // namespace kvp2p::engine
