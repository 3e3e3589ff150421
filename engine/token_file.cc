#include "engine/token_file.h"

#include "engine/engine_error.h"
#include "engine/small_file.h"

#include <charconv>

namespace kvp2p::engine {

base::Result<std::vector<std::uint32_t>> parse_tokens(std::string_view text) {
  std::vector<std::uint32_t> tokens;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    std::uint32_t token = 0;
    const auto [rest, failed] = std::from_chars(line.data(), line.data() + line.size(), token);
    if (failed != std::errc() || rest != line.data() + line.size()) return EngineError::kBadTokenFile;
    tokens.push_back(token);
  }
  return tokens;
}

base::Result<std::vector<std::uint32_t>> read_token_file(const std::string& path) {
  auto text = read_small_file(path, kTokenFileBytesMax);
  if (!text) return text.error();
  return parse_tokens(*text);
}

}  // namespace kvp2p::engine
