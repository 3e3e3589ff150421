#include "engine/vocab.h"

#include "engine/engine_error.h"
#include "engine/model_config.h"
#include "engine/small_file.h"

#include <nlohmann/json.hpp>

#include <array>

namespace kvp2p::engine {
namespace {

constexpr char32_t kAlphabetEnd = 0x144;

/// GPT-2 writes each byte as a printable character: itself if it is one, else the next free from U+0100 on.
std::array<int, kAlphabetEnd> make_bytes_by_character() {
  std::array<int, kAlphabetEnd> bytes;
  bytes.fill(-1);
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    bytes[printable ? static_cast<char32_t>(byte) : next++] = byte;
  }
  return bytes;
}

/// The bytes that `text` stands for; characters outside the alphabet, as in special tokens, stand for themselves.
std::string to_bytes(const std::string& text) {
  static const std::array<int, kAlphabetEnd> kBytes = make_bytes_by_character();
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto first = static_cast<unsigned char>(text[i]);
    char32_t character = first;
    const bool two_bytes = first >= 0xc2 && first <= 0xc5 && i + 1 < text.size();
    if (two_bytes) character = (first & 0x1fu) << 6 | (static_cast<unsigned char>(text[i + 1]) & 0x3fu);
    if (first >= 0x80 && !two_bytes) character = kAlphabetEnd;
    if (character < kAlphabetEnd && kBytes[character] >= 0) {
      out += static_cast<char>(kBytes[character]);
      i += two_bytes ? 1 : 0;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

base::Result<Vocab> Vocab::parse(std::string_view text) {
  if (text.size() > kVocabBytesMax) return EngineError::kFileTooLarge;
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array() || json.size() > kVocabMax) return EngineError::kBadVocabulary;
  Vocab vocab;
  for (const auto& entry : json) {
    if (!entry.is_string()) return EngineError::kBadVocabulary;
    vocab.texts_.push_back(to_bytes(entry.get_ref<const std::string&>()));
  }
  return vocab;
}

base::Result<Vocab> Vocab::read(const std::string& path) {
  auto text = read_small_file(path, kVocabBytesMax);
  if (!text) return text.error();
  return parse(*text);
}

std::string Vocab::decode(std::span<const std::uint32_t> tokens) const {
  std::string out;
  for (std::uint32_t token : tokens) {
    out += token < texts_.size() ? texts_[token] : "<" + std::to_string(token) + ">";
  }
  return out;
}

}  // namespace kvp2p::engine
