// JSON, read into a tree in which every value knows its line. Pure functions.
#pragma once

#include "base/text_error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kvp2p {

inline constexpr std::size_t kJsonDepthMax = 8;
inline constexpr std::size_t kJsonValuesMax = 100'000;

struct JsonNode {
  enum class Kind { kNull, kBoolean, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  std::size_t line = 0;
  std::string text;             ///< of a string
  std::uint64_t number = 0;     ///< of a whole number that is not negative
  bool is_whole = false;        ///< whether it is one
  std::vector<JsonNode> items;  ///< of an array
  struct Member;
  std::vector<Member> members;  ///< of an object, in their order
};

struct JsonNode::Member {
  std::string name;
  std::size_t line = 0;
  JsonNode value;
};

/// Comments (// and /* */) are let through. Errors besides those of the grammar: a name that comes twice in one object,
/// deeper than kJsonDepthMax, more than kJsonValuesMax.
base::TextResult<JsonNode> parse_json(std::string_view text);

}  // namespace kvp2p
