#include "engine/model_spec.h"

#include "kv/weights_manifest.h"

#include <array>
#include <charconv>

namespace kvp2p::engine {
namespace {

static_assert(kPageTokensUnit == kBlockTokens);

/// The shortest text that reads back as the same number, in every locale.
std::string as_text(double number) {
  std::array<char, 64> text;
  const auto [end, failed] = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), end};
}

std::string rope_text(const ModelConfig& c) {
  std::string text = "theta=" + as_text(c.rope_theta) + ",scaling=";
  if (!c.rope_scaling) return text + "none";
  const Llama3RopeScaling& s = *c.rope_scaling;
  return text + "llama3,factor=" + as_text(s.factor) + ",low=" + as_text(s.low_freq_factor) +
         ",high=" + as_text(s.high_freq_factor) + ",original=" + std::to_string(s.original_max_positions);
}

base::Result<std::string> weights_digest(const Model& model, const std::filesystem::path& cache_dir) {
  if (model.weights_files.empty()) return model.weights_name;
  const std::vector<std::filesystem::path> files(model.weights_files.begin(), model.weights_files.end());
  return digest_of_weight_files(files, cache_dir);
}

}  // namespace

base::Result<ModelSpec> model_spec_of(const Model& model, const std::filesystem::path& cache_dir) {
  auto digest = weights_digest(model, cache_dir);
  if (!digest) return digest.error();
  const ModelConfig& c = model.config;
  ModelSpec spec;
  spec.weights_digest = *digest;
  // The files say neither how the query width splits into heads nor the normalisation's epsilon.
  spec.architecture = "llama,heads=" + std::to_string(c.heads) + ",rms_norm_eps=" + as_text(c.rms_norm_eps);
  spec.layers = c.layers;
  spec.kv_heads = c.kv_heads;
  spec.head_dim = c.head_dim;
  spec.layer_types = "full";
  spec.rope = rope_text(c);
  spec.quantisation = "none";
  return spec;
}

LayoutDesc layout_of(const KvPages& kv) {
  const KvPagesOptions& o = kv.options();
  const std::size_t element = element_bytes(kv.element());
  LayoutDesc layout;
  layout.format.element = kv.element();
  layout.format.head_dim = static_cast<std::uint32_t>(o.head_dim);
  layout.format.shard = {.layer_begin = 0,
                         .layer_end = static_cast<std::uint32_t>(o.layers),
                         .head_begin = 0,
                         .head_end = static_cast<std::uint32_t>(o.kv_heads)};
  for (std::size_t layer = 0; layer < o.layers; ++layer) {
    layout.layers.push_back(
        {.k = kv.base(layer, KvPlane::kKeys) * element, .v = kv.base(layer, KvPlane::kValues) * element});
  }
  layout.block_stride = kv.page_stride() * element;
  layout.token_stride = kv.token_stride() * element;
  layout.head_stride = kv.head_stride() * element;
  layout.engine_block_tokens = static_cast<std::uint32_t>(o.page_tokens);
  layout.engine_blocks = static_cast<std::uint32_t>(o.pages);
  return layout;
}

std::vector<Slot> slots_of(const BlockTable& table, std::size_t page_tokens, std::size_t tokens) {
  const std::size_t slots_a_page = page_tokens / kBlockTokens;
  std::vector<Slot> slots;
  for (std::size_t block = 0; block * kBlockTokens < tokens; ++block) {
    slots.push_back(static_cast<Slot>(table[block / slots_a_page] * slots_a_page + block % slots_a_page));
  }
  return slots;
}

}  // namespace kvp2p::engine
