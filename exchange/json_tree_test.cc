#include "exchange/json_tree.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

std::size_t line_of_mistake(const std::string& text) {
  const auto tree = parse_json(text);
  return tree ? 0 : tree.error().line;
}

TEST(JsonTreeTest, EveryValueKnowsItsLine) {
  const auto tree = parse_json(
      "{ // a comment\n  \"a\": [\n    \"x\",\n    7,\n    -1, null, true\n  ],\n\n  \"b\": {\"c\": 1.5}\n}\n");
  ASSERT_TRUE(tree) << tree.error().to_text("json");
  EXPECT_EQ(tree->kind, JsonNode::Kind::kObject);
  EXPECT_EQ(tree->line, 1u);
  ASSERT_EQ(tree->members.size(), 2u);
  const JsonNode& list = tree->members[0].value;
  EXPECT_EQ(tree->members[0].name, "a");
  EXPECT_EQ(tree->members[0].line, 2u);
  ASSERT_EQ(list.items.size(), 5u);
  EXPECT_EQ(list.items[0].text, "x");
  EXPECT_EQ(list.items[0].line, 3u);
  EXPECT_EQ(list.items[1].number, 7u);
  EXPECT_TRUE(list.items[1].is_whole);
  EXPECT_FALSE(list.items[2].is_whole);
  EXPECT_EQ(tree->members[1].line, 8u);
  EXPECT_FALSE(tree->members[1].value.members[0].value.is_whole);
}

TEST(JsonTreeTest, WhatIsNoJsonIsToldByItsLine) {
  EXPECT_EQ(line_of_mistake(""), 1u);
  EXPECT_EQ(line_of_mistake("{\n\"a\": 1,\n}"), 3u);
  EXPECT_EQ(line_of_mistake("{\n\"a\" 1}"), 2u);
  EXPECT_EQ(line_of_mistake("[1, 2]\n[3]"), 2u);
  EXPECT_EQ(line_of_mistake("\"\xff\""), 1u);
  EXPECT_NE(line_of_mistake("{\"a\": \"unfinished"), 0u);
}

TEST(JsonTreeTest, NamesComeOnce) {
  EXPECT_EQ(line_of_mistake("{\"a\": 1,\n\"b\": 2,\n\"a\": 3}"), 3u);
  EXPECT_EQ(line_of_mistake("{\"a\": {\"a\": 1}}"), 0u);
}

TEST(JsonTreeTest, DepthAndNumberOfValuesAreBounded) {
  EXPECT_EQ(line_of_mistake(std::string(kJsonDepthMax, '[') + std::string(kJsonDepthMax, ']')), 0u);
  EXPECT_EQ(line_of_mistake("\n" + std::string(kJsonDepthMax + 1, '[')), 2u);
  EXPECT_EQ(line_of_mistake(std::string(100'000, '[')), 1u);
  std::string many = "[0";
  for (std::size_t i = 1; i < kJsonValuesMax; ++i) many += ",0";
  EXPECT_EQ(line_of_mistake(many + "]"), 1u);
}

}  // namespace
}  // namespace kvp2p
