// What the peer prints: replies and events, one JSON object a line (../README.md).
#pragma once

#include "base/result.h"

#include <nlohmann/json.hpp>

#include <concepts>
#include <string>

namespace interop {

using nlohmann::ordered_json;

/// What a reply tells besides that all went well.
struct Fields {
  Fields() = default;
  // A template, because JSON is implicitly made from anything, errors too.
  template <std::same_as<ordered_json> Json>
  explicit Fields(Json fields) : json(std::move(fields)) {}

  ordered_json json = ordered_json::object();
};
using Reply = base::Result<Fields>;

void print(const ordered_json& line);
void print_reply(const std::string& command, const Reply& reply);

}  // namespace interop
