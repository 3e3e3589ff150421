#include "engine/small_file.h"

#include "engine/engine_error.h"

#include <filesystem>
#include <fstream>

namespace kvp2p::engine {

base::Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed) || failed) return EngineError::kFileUnreadable;
  std::ifstream file(path, std::ios::binary);
  if (!file) return EngineError::kFileUnreadable;
  std::string text;
  char piece[1 << 14];
  while (file.read(piece, sizeof piece), file.gcount() > 0) {
    text.append(piece, static_cast<std::size_t>(file.gcount()));
    if (text.size() > bytes_max) return EngineError::kFileTooLarge;
  }
  if (file.bad()) return EngineError::kFileUnreadable;
  return text;
}

}  // namespace kvp2p::engine
