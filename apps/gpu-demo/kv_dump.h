// Writes an engine's K and V to a file, so that two engines' can be compared.
#pragma once

#include "engine/kv_pages.h"

#include <string>

namespace kvp2p::demo {

/// The first `blocks` blocks of 16 tokens in wire order: block, layer, KV head, K|V, token, dim. False, with the reason
/// logged, if the file cannot be written.
bool dump_kv(const engine::KvPages& kv, const engine::BlockTable& table, std::size_t blocks, const std::string& path);

}  // namespace kvp2p::demo
