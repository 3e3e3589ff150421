#include "engine/model_config.h"

#include "engine/engine_error.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace kvp2p::engine {
namespace {

using Json = nlohmann::json;

/// Reads fields of one JSON object and remembers the first failure, so that a list of fields reads as a list.
class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) {}

  /// The field, or null if it is absent or null.
  const Json* find(const char* name) const {
    auto it = object_.find(name);
    return it == object_.end() || it->is_null() ? nullptr : &*it;
  }

  std::uint32_t required_u32(const char* name, std::uint32_t max) {
    const Json* value = find(name);
    if (!value) return fail(EngineError::kConfigFieldMissing), 0;
    return u32(*value, 1, max);
  }

  std::uint32_t u32_or(const char* name, std::uint32_t fallback, std::uint32_t max) {
    const Json* value = find(name);
    return value ? u32(*value, 1, max) : fallback;
  }

  double number_or(const char* name, double fallback, double min, double max) {
    const Json* value = find(name);
    if (!value) return fallback;
    if (!value->is_number()) return fail(EngineError::kConfigFieldOutOfBounds), fallback;
    const double number = value->get<double>();
    // Written so that a NaN fails too.
    if (!(number >= min && number <= max)) return fail(EngineError::kConfigFieldOutOfBounds), fallback;
    return number;
  }

  bool bool_or(const char* name, bool fallback) {
    const Json* value = find(name);
    if (!value) return fallback;
    if (!value->is_boolean()) return fail(EngineError::kConfigFieldOutOfBounds), fallback;
    return value->get<bool>();
  }

  std::string text_or(const char* name, const char* fallback) {
    const Json* value = find(name);
    if (!value) return fallback;
    if (!value->is_string()) return fail(EngineError::kConfigFieldOutOfBounds), std::string(fallback);
    return value->get<std::string>();
  }

  std::uint32_t u32(const Json& value, std::uint32_t min, std::uint32_t max) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() < min || value.get<std::uint64_t>() > max) {
      return fail(EngineError::kConfigFieldOutOfBounds), 0;
    }
    return static_cast<std::uint32_t>(value.get<std::uint64_t>());
  }

  void fail(EngineError e) {
    if (!error_) error_ = e;
  }
  std::optional<EngineError> error() const { return error_; }

 private:
  const Json& object_;
  std::optional<EngineError> error_;
};

/// What would change the arithmetic in a way that this engine does not do.
bool is_plain_llama(Fields& fields) {
  const std::string type = fields.text_or("model_type", "");
  // Mistral without a sliding window is the same network.
  if (type != "llama" && type != "mistral") return false;
  if (fields.find("sliding_window") || fields.find("quantization_config")) return false;
  if (fields.bool_or("attention_bias", false) || fields.bool_or("mlp_bias", false)) return false;
  return fields.text_or("hidden_act", "silu") == "silu";
}

/// `scaling` is rope_scaling, or rope_parameters as newer files write it.
base::Result<std::optional<Llama3RopeScaling>> parse_rope_scaling(const Json& scaling) {
  if (!scaling.is_object()) return EngineError::kConfigFieldOutOfBounds;
  Fields fields(scaling);
  const std::string type = fields.text_or("rope_type", fields.text_or("type", "default").c_str());
  if (const auto error = fields.error()) return *error;
  if (type == "default") return std::optional<Llama3RopeScaling>{};
  if (type != "llama3") return EngineError::kUnsupportedRopeScaling;
  Llama3RopeScaling out;
  for (const char* name : {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}) {
    if (!fields.find(name)) return EngineError::kConfigFieldMissing;
  }
  out.factor = fields.number_or("factor", 1, 1, 1e4);
  out.low_freq_factor = fields.number_or("low_freq_factor", 1, 1e-3, 1e4);
  out.high_freq_factor = fields.number_or("high_freq_factor", 4, 1e-3, 1e4);
  out.original_max_positions = fields.required_u32("original_max_position_embeddings", kPositionsMax);
  if (const auto error = fields.error()) return *error;
  if (out.high_freq_factor <= out.low_freq_factor) return EngineError::kConfigFieldOutOfBounds;
  return std::optional(out);
}

void parse_end_tokens(Fields& fields, ModelConfig& config) {
  if (const Json* bos = fields.find("bos_token_id")) config.bos_token = fields.u32(*bos, 0, kVocabMax);
  const Json* eos = fields.find("eos_token_id");
  if (!eos) return;
  if (!eos->is_array()) {
    config.eos_tokens.push_back(fields.u32(*eos, 0, kVocabMax));
    return;
  }
  if (eos->size() > kEosTokensMax) return fields.fail(EngineError::kConfigFieldOutOfBounds);
  for (const Json& token : *eos) config.eos_tokens.push_back(fields.u32(token, 0, kVocabMax));
}

base::Result<ModelConfig> read_fields(const Json& json) {
  Fields fields(json);
  if (!is_plain_llama(fields)) return fields.error().value_or(EngineError::kUnsupportedArchitecture);
  ModelConfig config;
  config.layers = fields.required_u32("num_hidden_layers", kLayersMax);
  config.hidden = fields.required_u32("hidden_size", kHiddenMax);
  config.heads = fields.required_u32("num_attention_heads", kHeadsMax);
  config.intermediate = fields.required_u32("intermediate_size", kIntermediateMax);
  config.vocab = fields.required_u32("vocab_size", kVocabMax);
  config.max_positions = fields.u32_or("max_position_embeddings", 2048, kPositionsMax);
  if (const auto error = fields.error()) return *error;
  config.kv_heads = fields.u32_or("num_key_value_heads", config.heads, kHeadsMax);
  if (!fields.find("head_dim") && config.hidden % config.heads != 0) return EngineError::kConfigFieldOutOfBounds;
  config.head_dim = fields.u32_or("head_dim", config.hidden / config.heads, kHeadDimMax);
  config.rms_norm_eps = fields.number_or("rms_norm_eps", 1e-6, 1e-12, 1e-1);
  config.rope_theta = fields.number_or("rope_theta", 10000, 1, 1e12);
  config.tied_embeddings = fields.bool_or("tie_word_embeddings", false);
  parse_end_tokens(fields, config);
  const Json* parameters = fields.find("rope_parameters");
  const Json* scaling = parameters ? parameters : fields.find("rope_scaling");
  if (scaling) {
    auto parsed = parse_rope_scaling(*scaling);
    if (!parsed) return parsed.error();
    config.rope_scaling = *parsed;
    Fields inner(*scaling);
    config.rope_theta = inner.number_or("rope_theta", config.rope_theta, 1, 1e12);
    if (const auto error = inner.error()) return *error;
  }
  if (const auto error = fields.error()) return *error;
  return config;
}

}  // namespace

base::Result<> check_model_config(const ModelConfig& c) {
  const auto within = [](std::uint32_t value, std::uint32_t max) { return value >= 1 && value <= max; };
  const bool sizes = within(c.layers, kLayersMax) && within(c.hidden, kHiddenMax) && within(c.heads, kHeadsMax) &&
                     within(c.kv_heads, kHeadsMax) && within(c.head_dim, kHeadDimMax) &&
                     within(c.intermediate, kIntermediateMax) && within(c.vocab, kVocabMax) &&
                     within(c.max_positions, kPositionsMax);
  // RoPE turns pairs, so the head dimension is even; query heads share KV heads evenly.
  if (!sizes || c.head_dim % 2 != 0 || c.heads % c.kv_heads != 0) return EngineError::kConfigFieldOutOfBounds;
  if (!(c.rms_norm_eps > 0) || !(c.rope_theta >= 1)) return EngineError::kConfigFieldOutOfBounds;
  if (c.bos_token && *c.bos_token >= c.vocab) return EngineError::kConfigFieldOutOfBounds;
  for (std::uint32_t token : c.eos_tokens) {
    if (token >= c.vocab) return EngineError::kConfigFieldOutOfBounds;
  }
  return {};
}

base::Result<ModelConfig> parse_model_config(std::string_view text) {
  if (text.size() > kConfigBytesMax) return EngineError::kFileTooLarge;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return EngineError::kBadJson;
  auto config = read_fields(json);
  if (!config) return config;
  if (auto ok = check_model_config(*config); !ok) return ok.error();
  return config;
}

}  // namespace kvp2p::engine
