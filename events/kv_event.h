// vLLM's KV events (vllm/distributed/kv_events.py), by which routers follow what an engine's cache holds.
#pragma once

#include "base/bytes.h"
#include "kv/block_key.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kvp2p {

/// Blocks have come, each the child of the one before it, where that is known.
struct BlockStored {
  std::vector<BlockKey> block_hashes;
  std::optional<BlockKey> parent_block_hash;
  /// Of all blocks, or none where they are not known.
  std::vector<TokenId> token_ids;
  std::uint32_t block_size = 0;  // tokens
  /// Where: "GPU", "CPU"; nothing: not said.
  std::optional<std::string> medium;
  std::optional<std::string> lora_name;
  bool operator==(const BlockStored&) const = default;
};

struct BlockRemoved {
  std::vector<BlockKey> block_hashes;
  std::optional<std::string> medium;
  bool operator==(const BlockRemoved&) const = default;
};

struct AllBlocksCleared {
  bool operator==(const AllBlocksCleared&) const = default;
};

using KvEvent = std::variant<BlockStored, BlockRemoved, AllBlocksCleared>;

struct KvEventBatch {
  double unix_seconds = 0;
  std::vector<KvEvent> events;
  std::uint32_t data_parallel_rank = 0;
};

/// msgspec writes structs as arrays, as vLLM's were up to its versions of 2026, or as maps, as they are since.
enum class KvEventFormat { kArray, kMap };

/// msgpack, as vLLM's own decoder reads it. Hashes are binary, 32 bytes each.
base::Bytes encode_kv_events(const KvEventBatch& batch, KvEventFormat format);

}  // namespace kvp2p
