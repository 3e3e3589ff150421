#include "kv/codec.h"

namespace kvp2p {

std::string_view name_of(Codec codec) {
  switch (codec) {
    case Codec::kNone:
      return "none";
    case Codec::kInt8:
      return "int8";
    case Codec::kFp8:
      return "fp8";
    case Codec::kInt4:
      return "int4";
  }
  return "unknown";
}

std::optional<Codec> codec_from_id(std::uint64_t id) {
  for (const Codec codec : {Codec::kNone, Codec::kInt8, Codec::kFp8, Codec::kInt4}) {
    if (static_cast<std::uint64_t>(codec) == id) return codec;
  }
  return std::nullopt;
}

std::optional<Codec> codec_from_name(std::string_view name) {
  for (const Codec codec : {Codec::kNone, Codec::kInt8, Codec::kFp8, Codec::kInt4}) {
    if (name_of(codec) == name) return codec;
  }
  return std::nullopt;
}

bool can_code(Codec codec, ElementType element) { return codec == Codec::kNone || element != ElementType::kF8E4m3; }

}  // namespace kvp2p
