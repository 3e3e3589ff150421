// The type of a KV tensor's elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kvp2p {

/// The value is the id on the wire.
enum class ElementType : std::uint8_t { kF32 = 1, kF16 = 2, kBf16 = 3, kF8E4m3 = 4 };

std::size_t element_bytes(ElementType type);
/// "f32", "f16", "bf16", "f8_e4m3".
std::string_view name_of(ElementType type);
std::optional<ElementType> element_type_from_name(std::string_view name);
/// Nothing for a number that names no type: ids from the wire go through here.
std::optional<ElementType> element_type_from_id(std::uint64_t id);

}  // namespace kvp2p
