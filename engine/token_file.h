// Token ids as text: one decimal id a line.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kvp2p::engine {

inline constexpr std::size_t kTokenFileBytesMax = 64 << 20;

/// Pure. Blank lines are skipped; anything else that is no id is kBadTokenFile.
base::Result<std::vector<std::uint32_t>> parse_tokens(std::string_view text);
base::Result<std::vector<std::uint32_t>> read_token_file(const std::string& path);

}  // namespace kvp2p::engine
