// Turns token ids back into text, for people to read.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvp2p::engine {

inline constexpr std::size_t kVocabBytesMax = 64 << 20;

/// The texts of a GPT-2 style byte-level vocabulary. Immutable.
class Vocab {
 public:
  /// `json`: an array, the text of token i at [i], in GPT-2's alphabet of printable characters for bytes. Pure;
  /// hostile.
  static base::Result<Vocab> parse(std::string_view json);
  static base::Result<Vocab> read(const std::string& path);

  /// The bytes that the tokens stand for, usually UTF-8; a piece of one character may be at either end. An id outside
  /// the vocabulary becomes "<id>".
  std::string decode(std::span<const std::uint32_t> tokens) const;
  std::size_t size() const { return texts_.size(); }

 private:
  std::vector<std::string> texts_;
};

}  // namespace kvp2p::engine
