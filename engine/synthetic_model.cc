#include "engine/synthetic_model.h"

#include "engine/engine_error.h"

#include <charconv>
#include <cmath>
#include <map>
#include <span>

namespace kvp2p::engine {
namespace {

/// SplitMix64's output function: a bijection that mixes every bit into every other.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

/// Uniform in [-scale, scale).
void fill(std::uint64_t seed, std::uint64_t tensor, float scale, std::span<float> out) {
  const std::uint64_t stream = synthetic_stream(seed, tensor);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto bits = static_cast<std::int32_t>(mix(stream + i) >> 40);  // 24 bits: a float holds them exactly
    out[i] = static_cast<float>(bits - (1 << 23)) * (scale * 0x1p-23f);
  }
}

void fill_matrix(std::uint64_t seed, std::uint64_t tensor, Matrix& matrix) {
  fill(seed, tensor, synthetic_scale(matrix.columns), matrix.values);
}

void fill_ones(std::vector<float>& values) { std::fill(values.begin(), values.end(), 1.0f); }

using Fields = std::map<std::string_view, std::uint64_t>;

/// key=value pairs over the defaults in `fields`; false for an unknown key or a bad number.
bool read_fields(std::string_view text, Fields& fields) {
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t equals = item.find('=');
    if (equals == item.npos) return false;
    auto field = fields.find(item.substr(0, equals));
    if (field == fields.end()) return false;
    const std::string_view digits = item.substr(equals + 1);
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), field->second);
    if (failed != std::errc() || end != digits.data() + digits.size()) return false;
  }
  return true;
}

}  // namespace

std::uint64_t synthetic_stream(std::uint64_t seed, std::uint64_t tensor) { return mix(seed ^ mix(tensor)); }

/// The power of two next to sqrt(3 / inputs), which would give outputs of variance one: exact on every machine.
float synthetic_scale(std::size_t inputs) {
  return std::exp2(std::round(0.5f * std::log2(3.0f / static_cast<float>(inputs))));
}

base::Result<SyntheticSpec> parse_synthetic_spec(std::string_view text) {
  if (!text.starts_with(kSyntheticPrefix)) return EngineError::kBadSyntheticSpec;
  text.remove_prefix(kSyntheticPrefix.size());
  Fields fields = {{"layers", 4},         {"hidden", 256},     {"heads", 8},    {"kv_heads", 2},
                   {"head_dim", 0},       {"intermediate", 0}, {"vocab", 1024}, {"max_positions", 8192},
                   {"rope_theta", 10000}, {"tied", 1},         {"seed", 1}};
  if (!read_fields(text, fields) || fields["tied"] > 1) return EngineError::kBadSyntheticSpec;
  for (const auto& [key, value] : fields) {
    if (key != "seed" && value > UINT32_MAX) return EngineError::kBadSyntheticSpec;
  }
  const auto u32 = [&](std::string_view key) { return static_cast<std::uint32_t>(fields[key]); };
  SyntheticSpec spec;
  spec.seed = fields["seed"];
  ModelConfig& c = spec.config;
  c.layers = u32("layers");
  c.hidden = u32("hidden");
  c.heads = u32("heads");
  c.kv_heads = u32("kv_heads");
  c.head_dim = u32("head_dim");
  if (c.head_dim == 0 && c.heads != 0) c.head_dim = c.hidden / c.heads;
  c.intermediate = u32("intermediate");
  if (c.intermediate == 0) c.intermediate = 3 * std::min(c.hidden, kHiddenMax);
  c.vocab = u32("vocab");
  c.max_positions = u32("max_positions");
  c.rope_theta = u32("rope_theta");
  c.tied_embeddings = fields["tied"] == 1;
  if (!check_model_config(c)) return EngineError::kBadSyntheticSpec;
  return spec;
}

std::string canonical_text(const SyntheticSpec& spec) {
  const ModelConfig& c = spec.config;
  std::string text(kSyntheticPrefix);
  const auto add = [&](const char* key, std::uint64_t value) {
    if (text.back() != ':') text += ',';
    text += key + ("=" + std::to_string(value));
  };
  add("layers", c.layers);
  add("hidden", c.hidden);
  add("heads", c.heads);
  add("kv_heads", c.kv_heads);
  add("head_dim", c.head_dim);
  add("intermediate", c.intermediate);
  add("vocab", c.vocab);
  add("max_positions", c.max_positions);
  add("rope_theta", static_cast<std::uint64_t>(c.rope_theta));
  add("tied", c.tied_embeddings ? 1 : 0);
  add("seed", spec.seed);
  return text;
}

base::Result<Model> make_synthetic_model(const SyntheticSpec& spec) {
  auto allocated = allocate_model(spec.config);
  if (!allocated) return allocated;
  Model& model = *allocated;
  std::uint64_t tensor = 0;
  // Rows of unit variance, so that tied embeddings give logits that differ clearly from token to token.
  fill(spec.seed, tensor++, 1.0f, model.embedding.values);
  fill_ones(model.final_norm);
  if (!spec.config.tied_embeddings) fill_matrix(spec.seed, tensor, model.output);
  ++tensor;
  for (LayerWeights& layer : model.layers) {
    fill_ones(layer.attention_norm);
    fill_ones(layer.mlp_norm);
    for (Matrix* matrix : {&layer.qkv, &layer.attention_out, &layer.gate_up, &layer.down}) {
      fill_matrix(spec.seed, tensor++, *matrix);
    }
  }
  model.weights_name = canonical_text(spec);
  return allocated;
}

}  // namespace kvp2p::engine
