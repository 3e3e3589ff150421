// What is wrong in a text file that a person writes, and in which line.
#pragma once

#include <boost/system/result.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>

namespace base {

struct TextError {
  /// From 1; 0 where it is not about one line.
  std::size_t line = 0;
  std::string message;

  /// "peers.txt:3: not a multiaddr".
  std::string to_text(const std::string& file) const {
    return file + (line > 0 ? ":" + std::to_string(line) : std::string()) + ": " + message;
  }
  friend bool operator==(const TextError&, const TextError&) = default;
};

/// A value, or what is wrong in the text that it was to be read from.
template <class T>
using TextResult = boost::system::result<T, TextError>;

/// For result::value() where there is none.
[[noreturn]] inline void throw_exception_from_error(const TextError& error, const boost::source_location&) {
  throw std::runtime_error(error.to_text("text"));
}

}  // namespace base
