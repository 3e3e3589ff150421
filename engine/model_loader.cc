#include "engine/model_loader.h"

#include "engine/engine_error.h"
#include "engine/small_file.h"
#include "engine/synthetic_model.h"
#include "engine/tensor_files.h"

namespace kvp2p::engine {
namespace {

constexpr char kEmbedding[] = "model.embed_tokens.weight";
constexpr char kFinalNorm[] = "model.norm.weight";
constexpr char kOutput[] = "lm_head.weight";

/// Checks a tensor's shape, or reads it: the same list of tensors serves both passes.
class TensorVisitor {
 public:
  TensorVisitor(const TensorFiles& files, bool read) : files_(files), read_(read) {}

  /// `out` has room for rows * columns floats if this visitor reads.
  base::Result<> matrix(const std::string& name, std::uint64_t rows, std::uint64_t columns, float* out) const {
    return visit(name, {rows, columns}, rows * columns, out);
  }
  base::Result<> vector(const std::string& name, std::uint64_t size, float* out) const {
    return visit(name, {size}, size, out);
  }

 private:
  base::Result<> visit(const std::string& name, std::vector<std::uint64_t> shape, std::uint64_t size,
                       float* out) const {
    if (!read_) return files_.check(name, shape);
    return files_.read(name, shape, {out, size});
  }

  const TensorFiles& files_;
  bool read_;
};

/// One of a layer's tensors: where it goes in LayerWeights, null while only shapes are checked.
struct Part {
  const char* name;
  std::uint64_t rows;
  std::uint64_t columns;  // 0: a vector
  float* out;
};

base::Result<> visit_layer(const TensorVisitor& visitor, const ModelConfig& c, std::uint32_t index, LayerWeights* w) {
  const std::uint64_t q = c.query_width();
  const std::uint64_t kv = c.kv_width();
  const Part parts[] = {
      {"input_layernorm", c.hidden, 0, w ? w->attention_norm.data() : nullptr},
      {"self_attn.q_proj", q, c.hidden, w ? w->qkv.row(0) : nullptr},
      {"self_attn.k_proj", kv, c.hidden, w ? w->qkv.row(q) : nullptr},
      {"self_attn.v_proj", kv, c.hidden, w ? w->qkv.row(q + kv) : nullptr},
      {"self_attn.o_proj", c.hidden, q, w ? w->attention_out.row(0) : nullptr},
      {"post_attention_layernorm", c.hidden, 0, w ? w->mlp_norm.data() : nullptr},
      {"mlp.gate_proj", c.intermediate, c.hidden, w ? w->gate_up.row(0) : nullptr},
      {"mlp.up_proj", c.intermediate, c.hidden, w ? w->gate_up.row(c.intermediate) : nullptr},
      {"mlp.down_proj", c.hidden, c.intermediate, w ? w->down.row(0) : nullptr},
  };
  for (const Part& part : parts) {
    const std::string name = "model.layers." + std::to_string(index) + "." + part.name + ".weight";
    auto ok = part.columns == 0 ? visitor.vector(name, part.rows, part.out)
                                : visitor.matrix(name, part.rows, part.columns, part.out);
    if (!ok) return ok;
  }
  return {};
}

/// All tensors that `c` implies; `model` is null while only shapes are checked.
base::Result<> visit_model(const TensorVisitor& visitor, const ModelConfig& c, Model* model) {
  if (auto ok = visitor.matrix(kEmbedding, c.vocab, c.hidden, model ? model->embedding.row(0) : nullptr); !ok)
    return ok;
  if (auto ok = visitor.vector(kFinalNorm, c.hidden, model ? model->final_norm.data() : nullptr); !ok) return ok;
  if (!c.tied_embeddings) {
    if (auto ok = visitor.matrix(kOutput, c.vocab, c.hidden, model ? model->output.row(0) : nullptr); !ok) return ok;
  }
  for (std::uint32_t i = 0; i < c.layers; ++i) {
    if (auto ok = visit_layer(visitor, c, i, model ? &model->layers[i] : nullptr); !ok) return ok;
  }
  return {};
}

base::Result<Model> load_folder(const std::string& folder) {
  auto text = read_small_file(folder + "/config.json", kConfigBytesMax);
  if (!text) return text.error();
  auto config = parse_model_config(*text);
  if (!config) return config.error();
  auto files = TensorFiles::open(folder);
  if (!files) return files.error();
  if (auto ok = visit_model(TensorVisitor(*files, /*read=*/false), *config, nullptr); !ok) return ok.error();
  auto model = allocate_model(*config);
  if (!model) return model;
  if (auto ok = visit_model(TensorVisitor(*files, /*read=*/true), *config, &*model); !ok) return ok.error();
  model->weights_files = files->paths();
  return model;
}

}  // namespace

base::Result<Model> load_model(const std::string& name) {
  if (!name.starts_with(kSyntheticPrefix)) return load_folder(name);
  auto spec = parse_synthetic_spec(name);
  if (!spec) return spec.error();
  return make_synthetic_model(*spec);
}

}  // namespace kvp2p::engine
