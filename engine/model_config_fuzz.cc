// config.json, token files and vocab.json.
#include "engine/model_config.h"
#include "engine/synthetic_model.h"
#include "engine/token_file.h"
#include "engine/vocab.h"
#include "engine/weights.h"

#include <cstdlib>

using namespace kvp2p::engine;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto config = parse_model_config(text)) {
    if (!check_model_config(*config)) std::abort();
    (void)count_parameters(*config);
  }
  if (const auto spec = parse_synthetic_spec(text)) {
    if (!check_model_config(spec->config) || !parse_synthetic_spec(canonical_text(*spec))) std::abort();
  }
  (void)parse_tokens(text);
  if (const auto vocab = Vocab::parse(text)) {
    const std::uint32_t tokens[] = {0, 1, 2};
    (void)vocab->decode(tokens);
  }
  return 0;
}
