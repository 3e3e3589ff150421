#include "engine/rms_norm.h"

#include <cmath>

namespace kvp2p::engine {

void rms_norm(std::span<const float> in, std::span<const float> weight, double eps, float* out) {
  double squares = 0;
  for (float x : in) squares += static_cast<double>(x) * x;
  const auto scale = static_cast<float>(1 / std::sqrt(squares / static_cast<double>(in.size()) + eps));
  for (std::size_t i = 0; i < in.size(); ++i) out[i] = in[i] * scale * weight[i];
}

}  // namespace kvp2p::engine
