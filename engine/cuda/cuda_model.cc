#include "engine/cuda/cuda_model.h"

#include "engine/cuda/kernels.h"
#include "engine/model_spec.h"

#include <algorithm>

namespace kvp2p::engine::cuda {
namespace {

constexpr std::size_t kUploadFloats = std::size_t{1} << 24;

/// Copies host tensors piece by piece through a buffer in which they are still fp32.
class Uploader {
 public:
  static base::Result<Uploader> create(int device) {
    auto stream = Stream::create(device);
    if (!stream) return stream.error();
    auto buffer = DeviceMemory::allocate(device, kUploadFloats * sizeof(float));
    if (!buffer) return buffer.error();
    return Uploader(std::move(*stream), std::move(*buffer));
  }

  base::Result<> matrix(const Matrix& from, std::uint16_t* to) {
    auto* buffer = static_cast<float*>(buffer_.data());
    for (std::size_t done = 0; done < from.values.size();) {
      const std::size_t count = std::min(kUploadFloats, from.values.size() - done);
      if (auto ok = stream_->copy(buffer, from.values.data() + done, count * sizeof(float)); !ok) return ok;
      round_to_bf16(buffer, to + done, count, stream_->get());
      done += count;
    }
    return stream_->check_launches();
  }
  base::Result<> vector(const std::vector<float>& from, float* to) {
    return stream_->copy(to, from.data(), from.size() * sizeof(float));
  }
  base::Result<> finish() { return stream_->synchronize(); }

 private:
  Uploader(std::unique_ptr<Stream> stream, DeviceMemory buffer)
      : buffer_(std::move(buffer)), stream_(std::move(stream)) {}

  DeviceMemory buffer_;
  std::unique_ptr<Stream> stream_;  // goes first, and waits
};

Model facts_of(const ModelConfig& config, std::string name, std::vector<std::string> files) {
  Model facts;
  facts.config = config;
  facts.weights_name = std::move(name);
  facts.weights_files = std::move(files);
  return facts;
}

}  // namespace

base::Result<> CudaModel::allocate() {
  const ModelConfig& c = config();
  const std::size_t hidden = c.hidden;
  // Twice the same walk: once to count, once to place.
  const auto visit = [&](auto&& floats, auto&& halves) {
    halves(embedding_, c.vocab * hidden);
    if (!c.tied_embeddings) halves(output_, c.vocab * hidden);
    floats(final_norm_, hidden);
    for (CudaLayer& layer : layers_) {
      floats(layer.attention_norm, hidden);
      halves(layer.qkv, (std::size_t{c.query_width()} + 2 * c.kv_width()) * hidden);
      halves(layer.attention_out, hidden * c.query_width());
      floats(layer.mlp_norm, hidden);
      halves(layer.gate_up, 2 * std::size_t{c.intermediate} * hidden);
      halves(layer.down, hidden * c.intermediate);
    }
  };
  layers_.resize(c.layers);
  visit([&](float*&, std::size_t count) { arrays_.reserve<float>(count); },
        [&](std::uint16_t*&, std::size_t count) { arrays_.reserve<std::uint16_t>(count); });
  if (auto ok = arrays_.allocate(device_); !ok) return ok;
  visit([&](float*& at, std::size_t count) { at = arrays_.take<float>(count); },
        [&](std::uint16_t*& at, std::size_t count) { at = arrays_.take<std::uint16_t>(count); });
  if (c.tied_embeddings) output_ = embedding_;
  return {};
}

base::Result<std::shared_ptr<const CudaModel>> CudaModel::make_synthetic(int device, const SyntheticSpec& spec) {
  const std::shared_ptr<CudaModel> model(
      new CudaModel(device, facts_of(spec.config, canonical_text(spec) + ",weights=bf16", {})));
  if (auto ok = model->allocate(); !ok) return ok.error();
  auto stream = Stream::create(device);
  if (!stream) return stream.error();
  const DeviceScope scope(device);
  const kvc_stream queue = (*stream)->get();
  const auto fill = [&](std::uint16_t* out, std::uint64_t tensor, std::size_t rows, std::size_t columns, float scale) {
    fill_uniform(out, rows * columns, 0, synthetic_stream(spec.seed, tensor), scale, queue);
  };
  // Tensors are numbered as in make_synthetic_model().
  const ModelConfig& c = spec.config;
  std::uint64_t tensor = 0;
  fill(model->embedding_, tensor++, c.vocab, c.hidden, 1.0f);
  if (!c.tied_embeddings) fill(model->output_, tensor, c.vocab, c.hidden, synthetic_scale(c.hidden));
  ++tensor;
  fill_ones(model->final_norm_, c.hidden, queue);
  for (const CudaLayer& layer : model->layers_) {
    fill_ones(layer.attention_norm, c.hidden, queue);
    fill_ones(layer.mlp_norm, c.hidden, queue);
    fill(layer.qkv, tensor++, std::size_t{c.query_width()} + 2 * c.kv_width(), c.hidden, synthetic_scale(c.hidden));
    fill(layer.attention_out, tensor++, c.hidden, c.query_width(), synthetic_scale(c.query_width()));
    fill(layer.gate_up, tensor++, std::size_t{2} * c.intermediate, c.hidden, synthetic_scale(c.hidden));
    fill(layer.down, tensor++, c.hidden, c.intermediate, synthetic_scale(c.intermediate));
  }
  if (auto ok = (*stream)->check_launches(); !ok) return ok.error();
  if (auto ok = (*stream)->synchronize(); !ok) return ok.error();
  return std::shared_ptr<const CudaModel>(model);
}

base::Result<std::shared_ptr<const CudaModel>> CudaModel::upload(int device, const Model& from) {
  std::string name = from.weights_name;
  if (!name.empty()) name += ",weights=bf16";
  const std::shared_ptr<CudaModel> model(new CudaModel(device, facts_of(from.config, name, from.weights_files)));
  if (auto ok = model->allocate(); !ok) return ok.error();
  const DeviceScope scope(device);
  auto uploader = Uploader::create(device);
  if (!uploader) return uploader.error();
  base::Result<> ok;
  const auto matrix = [&](const Matrix& m, std::uint16_t* to) { ok = ok ? uploader->matrix(m, to) : ok; };
  const auto vector = [&](const std::vector<float>& v, float* to) { ok = ok ? uploader->vector(v, to) : ok; };
  matrix(from.embedding, model->embedding_);
  if (!from.config.tied_embeddings) matrix(from.output, model->output_);
  vector(from.final_norm, model->final_norm_);
  for (std::size_t i = 0; i < from.layers.size(); ++i) {
    const LayerWeights& host = from.layers[i];
    const CudaLayer& layer = model->layers_[i];
    vector(host.attention_norm, layer.attention_norm);
    matrix(host.qkv, layer.qkv);
    matrix(host.attention_out, layer.attention_out);
    vector(host.mlp_norm, layer.mlp_norm);
    matrix(host.gate_up, layer.gate_up);
    matrix(host.down, layer.down);
  }
  if (!ok) return ok.error();
  if (auto done = uploader->finish(); !done) return done.error();
  return std::shared_ptr<const CudaModel>(model);
}

base::Result<ModelSpec> CudaModel::spec(const std::filesystem::path& cache_dir) const {
  auto spec = model_spec_of(facts_, cache_dir);
  if (spec) spec->kv_element = ElementType::kBf16;
  return spec;
}

}  // namespace kvp2p::engine::cuda
