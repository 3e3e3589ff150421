// The key that is a host's identity, kept in a file.
#pragma once

#include "multiformats/keys.h"

#include <filesystem>

namespace multiformats {

/// The host key kept at `path` as a PrivateKey protobuf, as other libp2p implementations keep it. Made, with mode 0600
/// and missing folders with 0700, if the file is not there; two processes that start together end up with the same key.
/// A file that group or others may read or write is refused (kKeyFileReadableByOthers).
base::Result<PrivateKey> load_or_create_host_key(const std::filesystem::path& path);

}  // namespace multiformats
