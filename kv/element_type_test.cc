#include "kv/element_type.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

TEST(ElementTypeTest, NamesAndIdsLeadBackToTheirType) {
  const std::tuple<ElementType, std::string_view, std::uint64_t, std::size_t> rows[] = {
      {ElementType::kF32, "f32", 1, 4},
      {ElementType::kF16, "f16", 2, 2},
      {ElementType::kBf16, "bf16", 3, 2},
      {ElementType::kF8E4m3, "f8_e4m3", 4, 1},
  };
  for (const auto& [type, name, id, bytes] : rows) {
    EXPECT_EQ(name_of(type), name);
    EXPECT_EQ(element_type_from_name(name), type);
    EXPECT_EQ(element_type_from_id(id), type);
    EXPECT_EQ(element_bytes(type), bytes);
  }
}

TEST(ElementTypeTest, WhatNamesNoTypeIsNothing) {
  EXPECT_EQ(element_type_from_id(0), std::nullopt);
  EXPECT_EQ(element_type_from_id(5), std::nullopt);
  EXPECT_EQ(element_type_from_id(257), std::nullopt) << "not cut to 8 bits";
  EXPECT_EQ(element_type_from_name("F32"), std::nullopt);
  EXPECT_EQ(element_type_from_name(""), std::nullopt);
  EXPECT_EQ(element_bytes(static_cast<ElementType>(9)), 0u);
}

}  // namespace
}  // namespace kvp2p
