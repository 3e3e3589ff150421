// What a model is, as far as it changes what its KV bytes mean; and its fingerprint.
#pragma once

#include "kv/block_key.h"
#include "kv/element_type.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace kvp2p {

/// Names and canonical texts, in the order in which they are hashed. Sent to a peer that asks for another model, so
/// that both sides can say in which field they differ.
using ModelFields = std::vector<std::pair<std::string, std::string>>;

/// Bounds on fields that come from a peer.
inline constexpr std::size_t kModelFieldsMax = 48;
inline constexpr std::size_t kModelFieldBytesMax = 256;

/// Everything that the fingerprint covers. Any difference is another key space. The model's name is not in it: names
/// lie.
struct ModelSpec {
  std::string weights_digest;  // hex, see kv/weights_manifest.h; for a synthetic model its seed and shape
  std::string architecture;    // "llama"
  std::uint32_t layers = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  std::uint8_t planes = 2;           // 1 for MLA
  std::string layer_types;           // "full" or a list such as "full,sliding,…"
  std::uint32_t sliding_window = 0;  // tokens, 0 for none
  std::string mla_ranks;             // empty but for MLA
  std::string rope;                  // theta and scaling, canonical text: "theta=10000,scaling=none"
  std::string quantisation;          // of weights and activations, "none" or its scheme
  ElementType kv_element = ElementType::kF32;
  std::string kv_scales;  // digest of the KV scales, empty for none
  /// "tolerant" (rounding between kernels is accepted) or "strict:" followed by engine, GPU architecture and attention
  /// backend.
  std::string numeric_policy = "tolerant";

  ModelFields fields() const;
};

Fingerprint fingerprint_of(const ModelFields& fields);
inline Fingerprint fingerprint_of(const ModelSpec& spec) { return fingerprint_of(spec.fields()); }

struct FieldDifference {
  std::string name;
  std::string ours;    // empty: absent
  std::string theirs;  // empty: absent
};
/// In the order of `ours`, then what only `theirs` has. Bounded by kModelFieldsMax rows.
std::vector<FieldDifference> differences(const ModelFields& ours, const ModelFields& theirs);

}  // namespace kvp2p
