// The KV that fetch_bench moves: its shape by name, its layout in the engine's memory, and what its bytes are.
#pragma once

#include "base/bytes.h"
#include "gpu/layout.h"
#include "kv/model_spec.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kvp2p::bench {

/// bf16, K and V apart, in pieces of 32 KiB (16 tokens of 8 heads of 128).
struct FetchShape {
  std::string name;
  std::uint32_t layers = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 128;
  std::uint32_t blocks = 0;
  /// "nhd", "hnd" or "wire": how the engine keeps a block. Not part of the format.
  std::string order = "nhd";

  ObjectFormat format() const;
  std::size_t bytes() const { return format().block_bytes() * blocks; }
  LayoutDesc layout() const;
  ModelSpec spec() const;
  /// Blocks of one version are named by tokens that no other version has.
  std::vector<TokenId> tokens(std::uint64_t version) const;
};

/// "8b:2048" and "70b:8192" (Llama-3's KV of so many tokens), "mib:64" (so many MiB of the 8b kind), "slice:4096" (so
/// many MiB in layer slices of 1 MiB), "fixed" (one block of one layer, 32 KiB). Nothing for another text or a size
/// that is not whole blocks.
std::optional<FetchShape> parse_shape(const std::string& text);

/// The bytes of one layer of one block, in wire order: pseudo-random, and other ones in each version.
void fill_slice(std::uint64_t version, std::uint32_t block, std::uint32_t layer, base::MutableBytes wire);

}  // namespace kvp2p::bench
