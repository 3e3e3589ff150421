#include "exchange/json_tree.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>

namespace kvp2p {

namespace {

using nlohmann::json;

/// How far the parser has come. It takes one character more than a number has.
struct Position {
  std::size_t line = 1;
  bool has_ended_line = false;

  /// Of the last character taken.
  std::size_t last_line() const { return line - (has_ended_line ? 1 : 0); }
};

/// Hands the text to the parser, and counts the lines that it has taken.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, Position* position) : at_(at), position_(position) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    position_->has_ended_line = *at_ == '\n';
    if (position_->has_ended_line) ++position_->line;
    ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    const CountingIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) { return a.at_ == b.at_; }

 private:
  const char* at_;
  Position* position_;
};

/// Builds the tree. A value's line is that of its last character, which is read when the parser tells of it; for
/// objects and arrays it is that of their beginning.
class Builder final : public json::json_sax_t {
 public:
  explicit Builder(const Position& position) : position_(position) {}

  bool null() override { return add({JsonNode::Kind::kNull, line(), {}, 0, false, {}, {}}); }
  bool boolean(bool) override { return add({JsonNode::Kind::kBoolean, line(), {}, 0, false, {}, {}}); }
  bool number_integer(json::number_integer_t) override { return add_number(0, false); }
  bool number_unsigned(json::number_unsigned_t value) override { return add_number(value, true); }
  bool number_float(json::number_float_t, const std::string&) override { return add_number(0, false); }
  bool string(std::string& value) override {
    return add({JsonNode::Kind::kString, line(), std::move(value), 0, false, {}, {}});
  }
  bool binary(json::binary_t&) override { return fail("binary data"); }
  bool start_object(std::size_t) override { return open(JsonNode::Kind::kObject); }
  bool start_array(std::size_t) override { return open(JsonNode::Kind::kArray); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    auto& members = open_.back()->members;
    if (std::ranges::count(members, name, &JsonNode::Member::name) > 0) return fail("\"" + name + "\" comes twice");
    members.push_back({std::move(name), line(), {}});
    return true;
  }
  bool parse_error(std::size_t, const std::string& token, const json::exception&) override {
    return fail("not JSON at \"" + printable(token) + "\"");
  }

  JsonNode root;
  base::TextError error;

 private:
  static std::string printable(const std::string& token) {
    constexpr std::size_t kShown = 40;
    std::string text = token.substr(0, kShown);
    std::ranges::replace_if(
        text, [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
  }
  bool fail(std::string message) {
    error = {line(), std::move(message)};
    return false;
  }
  bool add_number(std::uint64_t value, bool is_whole) {
    return add({JsonNode::Kind::kNumber, line(), {}, value, is_whole, {}, {}});
  }
  bool add(JsonNode node) { return place(std::move(node)) != nullptr; }
  JsonNode* place(JsonNode node) {
    if (++values_ > kJsonValuesMax) {
      fail("more than " + std::to_string(kJsonValuesMax) + " values");
      return nullptr;
    }
    if (open_.empty()) return &(root = std::move(node));
    JsonNode& parent = *open_.back();
    if (parent.kind == JsonNode::Kind::kArray) return &parent.items.emplace_back(std::move(node));
    return &(parent.members.back().value = std::move(node));
  }
  bool open(JsonNode::Kind kind) {
    if (open_.size() == kJsonDepthMax) return fail("nested too deep");
    JsonNode* node = place({kind, line(), {}, 0, false, {}, {}});
    if (node == nullptr) return false;
    open_.push_back(node);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::size_t line() const { return position_.last_line(); }

  const Position& position_;
  std::size_t values_ = 0;
  /// What is being filled: each is the last of its parent, so that it does not move before it is closed.
  std::vector<JsonNode*> open_;
};

}  // namespace

base::TextResult<JsonNode> parse_json(std::string_view text) {
  Position position;
  Builder builder(position);
  const CountingIterator begin(text.data(), &position), end(text.data() + text.size(), &position);
  const bool is_whole = json::sax_parse(begin, end, &builder, json::input_format_t::json, true, true);
  if (!is_whole) return builder.error;
  return std::move(builder.root);
}

}  // namespace kvp2p
