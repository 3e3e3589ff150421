// The part of a model's KV that one engine process holds: explicit ranges, so that two nodes split 4 ways can serve one
// split 8 ways.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace kvp2p {

/// Bounds on what anybody may claim; larger ranges are refused.
inline constexpr std::uint32_t kLayersMax = 512;
inline constexpr std::uint32_t kHeadsMax = 1024;

/// Half-open ranges over the model's layers and KV heads.
struct ShardRange {
  std::uint32_t layer_begin = 0;
  std::uint32_t layer_end = 0;
  std::uint32_t head_begin = 0;
  std::uint32_t head_end = 0;

  std::uint32_t layers() const { return layer_end - layer_begin; }
  std::uint32_t heads() const { return head_end - head_begin; }
  /// Neither range is empty, reversed or over its bound.
  bool is_valid() const;
  /// All of `other` is inside.
  bool covers(const ShardRange& other) const;
  /// "layers 0-29, heads 0-2", inclusive, for people.
  std::string to_text() const;

  auto operator<=>(const ShardRange&) const = default;
};

}  // namespace kvp2p
