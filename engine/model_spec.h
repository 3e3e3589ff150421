// What the engine tells the cache about its model and its memory.
#pragma once

#include "engine/kv_pages.h"
#include "engine/weights.h"
#include "provider/kv_cache_provider.h"

#include <filesystem>

namespace kvp2p::engine {

/// Everything of the model that changes what its K and V mean. Hashes the weights' files, or takes their digests from
/// `cache_dir` (kv/weights_manifest.h): blocks. Errors are that call's.
base::Result<ModelSpec> model_spec_of(const Model& model, const std::filesystem::path& cache_dir);

/// The strides of `kv`, which holds all layers and heads of its model.
LayoutDesc layout_of(const KvPages& kv);

/// The slots of the first `tokens` tokens, one for each kBlockTokens, the last partial one included.
std::vector<Slot> slots_of(const BlockTable& table, std::size_t page_tokens, std::size_t tokens);

}  // namespace kvp2p::engine
