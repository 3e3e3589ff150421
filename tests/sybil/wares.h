// What there is to have in a sybil test: prompts, and the blocks of them that honest peers hold.
#pragma once

#include "kv/block_key.h"
#include "kv/content_digest.h"
#include "kv/model_spec.h"
#include "kv/object_format.h"

#include <map>
#include <vector>

namespace kvp2p::sybil {

/// Does not change once made.
struct Wares {
  ModelFields model;
  ObjectFormat format;
  std::vector<std::vector<BlockKey>> prompts;
  /// Of each prompt, the first; the rest nobody has, though the hostile say so.
  std::size_t honest_blocks = 0;

  struct Block {
    base::Bytes bytes;
    std::vector<ContentDigest> leaves;
  };
  std::map<BlockKey, Block> blocks;  ///< those that the honest hold
};

struct WaresSize {
  std::size_t prompts = 0;  ///< different from one another
  std::size_t blocks = 0;   ///< of each
  std::size_t honest_blocks = 0;
};
Wares make_wares(const Fingerprint& fingerprint, const ModelFields& model, const ObjectFormat& format,
                 const WaresSize& size);

}  // namespace kvp2p::sybil
