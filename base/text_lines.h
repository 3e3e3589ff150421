// Walks over the lines of a text file that a person writes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace base {

/// A line's content is what is left without a comment (from # on) and the white space around it.
class TextLines {
 public:
  explicit TextLines(std::string_view text) : rest_(text) {}

  /// Goes to the next line that has content; false at the end.
  bool next() {
    content_ = {};
    while (content_.empty() && !rest_.empty()) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      content_ = trimmed(rest_.substr(0, std::min(end, rest_.substr(0, end).find('#'))));
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++number_;
    }
    return !content_.empty();
  }
  std::string_view content() const { return content_; }
  /// From 1.
  std::size_t number() const { return number_; }

 private:
  static std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r";
    const std::size_t first = std::min(text.find_first_not_of(kSpace), text.size());
    text.remove_prefix(first);
    return text.substr(0, text.find_last_not_of(kSpace) + 1);
  }

  std::string_view rest_;
  std::string_view content_;
  std::size_t number_ = 0;
};

}  // namespace base
