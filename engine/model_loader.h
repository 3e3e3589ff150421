// Makes a Model from what a user names: a Hugging Face model folder, or a synthetic spec.
#pragma once

#include "engine/weights.h"

#include <string>

namespace kvp2p::engine {

/// `name` is "synthetic:…" (synthetic_model.h) or a folder with config.json and safetensors in F32, F16 or BF16. Reads
/// every header and checks every shape before it allocates, so memory is bounded by the size of the files.
base::Result<Model> load_model(const std::string& name);

}  // namespace kvp2p::engine
