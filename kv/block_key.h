// Names of blocks: chained hashes of the tokens that a block's KV depends on. See docs/keys.md.
#pragma once

#include "base/bytes.h"

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace kvp2p {

using TokenId = std::uint32_t;

/// SHA-256 over everything that changes what a model's KV bytes mean (kv/model_spec.h).
struct Fingerprint {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const Fingerprint&) const = default;
  std::string to_hex() const { return base::to_hex(bytes); }
};

struct BlockKey {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const BlockKey&) const = default;
  std::string to_hex() const { return base::to_hex(bytes); }
};

/// What besides the tokens changes a block's KV. Tagged and length-prefixed when hashed, so that no two extras collide.
/// The value is the tag in the hash.
enum class ExtraKind : std::uint8_t {
  kAdapterWeights = 1,     // digest of the adapter's weights; never its name
  kMultimodalContent = 2,  // content digest, then its offset in the block as little-endian 64-bit
  kTenantSalt = 3,         // keeps one tenant's blocks from being found by another's look-ups
  kPromptEmbeds = 4,       // digest of prompt embeddings
  kEngineHash = 5,         // an engine's own block hash, where tokens alone do not say all
};

struct Extra {
  ExtraKind kind;
  base::Bytes value;
};

/// Extras that apply to one block; those of a request (salt, adapter) are given for every block they affect.
using Extras = std::vector<Extra>;

/// Keys of the full blocks of `tokens`, in order; a last partial block has none. `extras` is empty, or has the extras
/// of block i at [i] (missing ones mean none). The first parent is the fingerprint.
std::vector<BlockKey> keys_from_tokens(const Fingerprint& fingerprint, std::span<const TokenId> tokens,
                                       std::span<const Extras> extras = {});

/// Key of an engine's page whose tokens are not known (SGLang, LMCache plug-ins). Never equal to a key from tokens.
BlockKey key_from_opaque(const Fingerprint& fingerprint, base::ConstBytes opaque);

}  // namespace kvp2p

template <>
struct std::hash<kvp2p::BlockKey> {
  // A key is a uniform digest: its first bytes are the hash.
  std::size_t operator()(const kvp2p::BlockKey& key) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, key.bytes.data(), sizeof value);
    return value;
  }
};

template <>
struct std::hash<kvp2p::Fingerprint> {
  std::size_t operator()(const kvp2p::Fingerprint& key) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, key.bytes.data(), sizeof value);
    return value;
  }
};
