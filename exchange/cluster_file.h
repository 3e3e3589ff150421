// Reads a cluster file (docs/cluster.md): JSON, strictly.
#pragma once

#include "base/text_error.h"
#include "exchange/cluster_policy.h"

#include <memory>
#include <optional>
#include <string_view>

namespace kvp2p {

inline constexpr std::size_t kClusterFileBytesMax = 4 << 20;
inline constexpr std::size_t kClusterTenantsMax = 1024;
inline constexpr std::size_t kClusterModelsMax = 1024;
inline constexpr std::size_t kClusterGroupsMax = 1024;
inline constexpr std::size_t kClusterGrantsMax = 4096;
inline constexpr std::size_t kClusterNameBytesMax = 64;

/// Pure. Salts that are in files of their own are not read: Tenant::salt_file names them, as they are written.
base::TextResult<ClusterPolicy> parse_cluster_file(std::string_view text);

/// 32 to 128 hex digits and white space around them, as `openssl rand -hex 32` writes them. Nothing for all else.
std::optional<base::Bytes> parse_tenant_salt(std::string_view text);

/// The file, with the salts that it names files for, relative to its folder. An error names the file that it is in.
/// Files with secrets in them must be their owner's alone.
base::TextResult<std::shared_ptr<const ClusterPolicy>> load_cluster_file(const std::filesystem::path& path,
                                                                         std::string_view text);

}  // namespace kvp2p
