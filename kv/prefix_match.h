// How much of a prompt can be had: pure helpers for whoever matches prefixes.
#pragma once

#include "kv/block_key.h"
#include "kv/shard.h"

#include <span>

namespace kvp2p {

/// Full blocks of a prompt of `tokens` tokens: those that have keys and can be published.
std::size_t full_blocks(std::size_t tokens);

/// Full blocks that a match may cover: never the whole prompt, because one token at least must be computed for logits.
std::size_t matchable_blocks(std::size_t tokens);

/// Number of leading entries that are true (not zero): the prefix up to the first gap.
std::size_t leading_run(std::span<const std::uint8_t> present);

/// Length of the leading run of `keys` for which `have(key)` is true; asks for no key after the first that is missing.
template <class Have>
std::size_t leading_run(std::span<const BlockKey> keys, Have have) {
  std::size_t n = 0;
  while (n < keys.size() && have(keys[n])) ++n;
  return n;
}

/// Whether every (layer, head) of `wanted` is in at least one of `held`: four shards split by heads cover one that is
/// not split; a range that nobody holds is a miss.
bool cover(std::span<const ShardRange> held, const ShardRange& wanted);

}  // namespace kvp2p
