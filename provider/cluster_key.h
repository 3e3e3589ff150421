// The secret that the nodes of a cluster share: 32 bytes, in a file of 64 hex digits.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "exchange/cluster_auth.h"

#include <filesystem>
#include <string_view>

namespace kvp2p {

/// NodeError::kBadClusterKey unless it is 64 hex digits; white space around them is ignored.
base::Result<base::Bytes> parse_cluster_key(std::string_view text);

/// The key kept at `path`; made, with mode 0600 and missing folders with 0700, if the file is not there. Two processes
/// that start together end up with the same key: the file is whole when it appears.
base::Result<base::Bytes> load_or_create_cluster_key(const std::filesystem::path& path);

}  // namespace kvp2p
