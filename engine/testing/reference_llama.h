// The Llama network written down as plainly as can be, in double precision, for tests to compare with.
#pragma once

#include "engine/weights.h"

#include <cstdint>
#include <span>
#include <vector>

namespace kvp2p::engine::testing {

/// Logits of every position, [token][vocabulary].
std::vector<std::vector<double>> reference_logits(const Model& model, std::span<const std::uint32_t> tokens);

}  // namespace kvp2p::engine::testing
