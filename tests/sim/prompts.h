// What the nodes of a simulation compute: prompts, each a chain of blocks.
#pragma once

#include "kv/block_key.h"
#include "tests/sim/world.h"

#include <cstdint>
#include <vector>

namespace kvp2p::sim {

using ModelNumber = std::uint32_t;
using PromptNumber = std::uint32_t;

/// Of every model as many; few are in demand, most are rare.
inline constexpr PromptNumber kPrompts = 200;
inline constexpr std::size_t kBlocksOfPrompt = 8;

Fingerprint fingerprint_of(ModelNumber model);
std::vector<BlockKey> blocks_of(ModelNumber model, PromptNumber prompt);
PromptNumber pick_prompt(World& world);

}  // namespace kvp2p::sim
