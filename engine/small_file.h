// Reads a whole small file, such as config.json.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <string>

namespace kvp2p::engine {

/// The bytes of the regular file at `path`. kFileTooLarge above `bytes_max`; kFileUnreadable for anything else.
base::Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max);

}  // namespace kvp2p::engine
