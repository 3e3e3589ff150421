#include "tests/sim/prompts.h"

#include <cmath>

namespace kvp2p::sim {

Fingerprint fingerprint_of(ModelNumber model) {
  Fingerprint fingerprint;
  base::store_le32(fingerprint.bytes.data(), model);
  // Any 32 bytes are a fingerprint; those of keys are spread evenly.
  fingerprint.bytes = key_from_opaque(fingerprint, {}).bytes;
  return fingerprint;
}

std::vector<BlockKey> blocks_of(ModelNumber model, PromptNumber prompt) {
  std::vector<TokenId> tokens(16 * kBlocksOfPrompt, prompt);
  return keys_from_tokens(fingerprint_of(model), tokens);
}

PromptNumber pick_prompt(World& world) { return static_cast<PromptNumber>(kPrompts * std::pow(world.chance(), 2)); }

}  // namespace kvp2p::sim
