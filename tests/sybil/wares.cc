#include "tests/sybil/wares.h"

#include "gpu/testing/engine_memory.h"

namespace kvp2p::sybil {

Wares make_wares(const Fingerprint& fingerprint, const ModelFields& model, const ObjectFormat& format,
                 const WaresSize& size) {
  Wares wares{model, format, {}, size.honest_blocks, {}};
  for (std::size_t prompt = 0; prompt < size.prompts; ++prompt) {
    const std::vector<TokenId> tokens(size.blocks * kBlockTokens, static_cast<TokenId>(prompt));
    wares.prompts.push_back(keys_from_tokens(fingerprint, tokens));
    for (std::size_t i = 0; i < size.honest_blocks; ++i) {
      const BlockKey& key = wares.prompts.back()[i];
      Wares::Block block{{}, std::vector<ContentDigest>(format.leaf_count())};
      for (std::uint32_t layer = 0; layer < format.shard.layers(); ++layer) {
        const auto slice = testing::slice_content(key, layer, format);
        block.bytes.insert(block.bytes.end(), slice.begin(), slice.end());
      }
      compute_leaves(block.bytes, format.head_slice_bytes(), block.leaves);
      wares.blocks.emplace(key, std::move(block));
    }
  }
  return wares;
}

}  // namespace kvp2p::sybil
