#include "kv/shard.h"

namespace kvp2p {

namespace {

bool inside(std::uint32_t begin, std::uint32_t end, std::uint32_t outer_begin, std::uint32_t outer_end) {
  return outer_begin <= begin && end <= outer_end;
}

}  // namespace

bool ShardRange::is_valid() const {
  return layer_begin < layer_end && layer_end <= kLayersMax && head_begin < head_end && head_end <= kHeadsMax;
}

bool ShardRange::covers(const ShardRange& other) const {
  return inside(other.layer_begin, other.layer_end, layer_begin, layer_end) &&
         inside(other.head_begin, other.head_end, head_begin, head_end);
}

std::string ShardRange::to_text() const {
  if (!is_valid()) return "no layers or no heads";
  return "layers " + std::to_string(layer_begin) + "-" + std::to_string(layer_end - 1) + ", heads " +
         std::to_string(head_begin) + "-" + std::to_string(head_end - 1);
}

}  // namespace kvp2p
