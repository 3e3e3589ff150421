#include "kv/object_format.h"

namespace kvp2p {

bool ObjectFormat::is_valid() const {
  // Enums from the wire may hold any number.
  if (!element_type_from_id(static_cast<std::uint64_t>(element))) return false;
  if (!codec_from_id(static_cast<std::uint64_t>(codec)) || !can_code(codec, element)) return false;
  if (digest != DigestAlgorithm::kXxh3_128) return false;
  if (planes < 1 || planes > 2 || head_dim < 1 || head_dim > kHeadDimMax || !shard.is_valid()) return false;
  // Tiny rows grow by their scales.
  return layer_slice_bytes() <= kSliceBytesMax && engine_layer_slice_bytes() <= kSliceBytesMax;
}

bool ObjectFormat::same_encoding(const ObjectFormat& other) const {
  return element == other.element && codec == other.codec && digest == other.digest && planes == other.planes &&
         head_dim == other.head_dim;
}

}  // namespace kvp2p
