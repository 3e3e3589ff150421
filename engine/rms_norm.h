// Root-mean-square normalisation, as in Llama.
#pragma once

#include <cstddef>
#include <span>

namespace kvp2p::engine {

/// out[i] = in[i] / sqrt(mean(in²) + eps) * weight[i], over one row. `out` may be `in`.
void rms_norm(std::span<const float> in, std::span<const float> weight, double eps, float* out);

}  // namespace kvp2p::engine
