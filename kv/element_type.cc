#include "kv/element_type.h"

#include <algorithm>
#include <iterator>

namespace kvp2p {

namespace {

struct Row {
  ElementType type;
  std::string_view name;
  std::size_t bytes;
};

constexpr Row kRows[] = {
    {ElementType::kF32, "f32", 4},
    {ElementType::kF16, "f16", 2},
    {ElementType::kBf16, "bf16", 2},
    {ElementType::kF8E4m3, "f8_e4m3", 1},
};

const Row* row_of(ElementType type) {
  const Row* row = std::ranges::find(kRows, type, &Row::type);
  return row == std::end(kRows) ? nullptr : row;
}

}  // namespace

std::size_t element_bytes(ElementType type) {
  const Row* row = row_of(type);
  return row ? row->bytes : 0;
}

std::string_view name_of(ElementType type) {
  const Row* row = row_of(type);
  return row ? row->name : "unknown";
}

std::optional<ElementType> element_type_from_name(std::string_view name) {
  const Row* row = std::ranges::find(kRows, name, &Row::name);
  if (row == std::end(kRows)) return std::nullopt;
  return row->type;
}

std::optional<ElementType> element_type_from_id(std::uint64_t id) {
  const Row* row = std::ranges::find(kRows, id, [](const Row& r) { return static_cast<std::uint64_t>(r.type); });
  if (row == std::end(kRows)) return std::nullopt;
  return row->type;
}

}  // namespace kvp2p
