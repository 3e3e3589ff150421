#include "engine/cuda/cuda_backend.h"

#include "engine/engine_error.h"
#include "engine/rope.h"

#include <algorithm>
#include <cassert>

namespace kvp2p::engine::cuda {

static_assert(sizeof(Token) == sizeof(std::uint32_t));

CudaBackend::CudaBackend(std::shared_ptr<const CudaModel> model, std::size_t positions, std::size_t chunk_tokens)
    : model_(std::move(model)),
      positions_(positions),
      chunk_tokens_(std::min(chunk_tokens, positions)),
      shape_{model_->config().heads, model_->config().kv_heads, model_->config().head_dim} {}

CudaBackend::~CudaBackend() {
  // Before the memory goes that it may use.
  if (stream_) static_cast<void>(stream_->synchronize());
}

base::Result<std::unique_ptr<CudaBackend>> CudaBackend::create(std::shared_ptr<const CudaModel> model,
                                                               std::size_t positions, std::size_t chunk_tokens,
                                                               const KvPagesOptions& kv) {
  const int device = model->device();
  const DeviceScope scope(device);
  std::unique_ptr<CudaBackend> backend(new CudaBackend(std::move(model), positions, chunk_tokens));
  auto stream = Stream::create(device);
  if (!stream) return stream.error();
  backend->stream_ = std::move(*stream);
  auto cublas = Cublas::create(device, backend->stream_->get());
  if (!cublas) return cublas.error();
  backend->cublas_ = std::move(*cublas);
  if (auto ok = backend->allocate(kv); !ok) return ok.error();
  return backend;
}

base::Result<> CudaBackend::allocate(const KvPagesOptions& kv) {
  auto cache = CudaKvCache::create(*stream_, kv);
  if (!cache) return cache.error();
  kv_ = std::move(*cache);
  const ModelConfig& c = config();
  const std::size_t angles = positions_ * (c.head_dim / 2);
  // Twice the same walk: once to count, once to place.
  const auto visit = [&](auto&& array) {
    array(cos_, angles);
    array(sin_, angles);
    array(tokens_, chunk_tokens_);
    array(hidden_, chunk_tokens_ * c.hidden);
    array(normed_, chunk_tokens_ * c.hidden);
    array(qkv_, chunk_tokens_ * shape_.width());
    array(attended_, chunk_tokens_ * c.query_width());
    array(gate_up_, chunk_tokens_ * 2 * c.intermediate);
    array(activated_, chunk_tokens_ * c.intermediate);
    array(partial_, decode_scratch_floats(shape_, static_cast<std::uint32_t>(positions_)));
    array(logits_, c.vocab);
    array(next_, 1);
  };
  visit([&]<class T>(T*&, std::size_t count) { arrays_.reserve<T>(count); });
  if (auto ok = arrays_.allocate(model_->device()); !ok) return ok;
  visit([&]<class T>(T*& at, std::size_t count) { at = arrays_.take<T>(count); });

  const Rope rope(c, positions_);
  if (auto ok = stream_->copy(cos_, rope.cosines().data(), angles * sizeof(float)); !ok) return ok;
  if (auto ok = stream_->copy(sin_, rope.sines().data(), angles * sizeof(float)); !ok) return ok;
  return stream_->synchronize();
}

base::Result<> CudaBackend::begin(std::span<const Token> tokens, std::size_t start, const BlockTable& table) {
  assert(!tokens.empty() && tokens.size() <= chunk_tokens_ && start + tokens.size() <= positions_);
  start_ = static_cast<std::uint32_t>(start);
  count_ = static_cast<std::uint32_t>(tokens.size());
  if (auto ok = kv_->use_table(table); !ok) return ok;
  if (auto ok = stream_->copy(tokens_, tokens.data(), tokens.size_bytes()); !ok) return ok;
  embed(tokens_, model_->embedding(), hidden_, count_, config().hidden, stream_->get());
  return {};
}

base::Result<Backend::Passed> CudaBackend::run_prompt(std::span<const Token> tokens, std::size_t start,
                                                      const BlockTable& table, const BeforeLayer& before_layer) {
  const DeviceScope scope(model_->device());
  if (auto ok = begin(tokens, start, table); !ok) return ok.error();
  for (std::uint32_t layer = 0; layer < config().layers; ++layer) {
    // The device is at work on the layers before while this waits.
    if (!before_layer(layer)) {
      if (auto ok = stream_->synchronize(); !ok) return ok.error();
      return Passed::kStopped;
    }
    if (auto ok = run_layer(layer); !ok) {
      static_cast<void>(stream_->synchronize());
      return ok.error();
    }
  }
  if (auto ok = stream_->synchronize(); !ok) return ok.error();
  return Passed::kAllLayers;
}

base::Result<> CudaBackend::run_next(Token token, std::size_t position, const BlockTable& table) {
  const DeviceScope scope(model_->device());
  if (auto ok = begin({&token, 1}, position, table); !ok) return ok;
  for (std::size_t layer = 0; layer < config().layers; ++layer) {
    if (auto ok = run_layer(layer); !ok) return ok;
  }
  return stream_->synchronize();
}

void CudaBackend::attend(const PagedKv& kv) {
  if (count_ == 1) {
    decode_attention(qkv_, shape_, kv, partial_, attended_, start_, stream_->get());
  } else {
    prefill_attention(qkv_, shape_, kv, attended_, start_, count_, stream_->get());
  }
}

base::Result<> CudaBackend::run_layer(std::size_t index) {
  const ModelConfig& c = config();
  const CudaLayer& layer = model_->layer(index);
  const kvc_stream queue = stream_->get();
  const auto eps = static_cast<float>(c.rms_norm_eps);
  const PagedKv kv = kv_->view(index);
  rms_norm(hidden_, layer.attention_norm, normed_, count_, c.hidden, eps, queue);
  bool ok = cublas_->multiply(normed_, layer.qkv, qkv_, count_, c.hidden, shape_.width());
  rope_and_store(qkv_, shape_, kv, cos_, sin_, start_, count_, queue);
  attend(kv);
  ok = ok && cublas_->multiply(attended_, layer.attention_out, hidden_, count_, c.query_width(), c.hidden, true);
  rms_norm(hidden_, layer.mlp_norm, normed_, count_, c.hidden, eps, queue);
  ok = ok && cublas_->multiply(normed_, layer.gate_up, gate_up_, count_, c.hidden, std::size_t{2} * c.intermediate);
  swiglu(gate_up_, activated_, count_, c.intermediate, queue);
  ok = ok && cublas_->multiply(activated_, layer.down, hidden_, count_, c.intermediate, c.hidden, true);
  if (!ok) return EngineError::kDeviceFailed;
  return stream_->check_launches();
}

base::Result<> CudaBackend::score_last() {
  const ModelConfig& c = config();
  rms_norm(hidden_ + (std::size_t{count_} - 1) * c.hidden, model_->final_norm(), normed_, 1, c.hidden,
           static_cast<float>(c.rms_norm_eps), stream_->get());
  if (!cublas_->multiply(normed_, model_->output(), logits_, 1, c.hidden, c.vocab, false)) {
    return EngineError::kDeviceFailed;
  }
  return {};
}

base::Result<Token> CudaBackend::next_token() {
  const DeviceScope scope(model_->device());
  if (auto ok = score_last(); !ok) return ok.error();
  argmax(logits_, config().vocab, next_, stream_->get());
  if (auto ok = stream_->check_launches(); !ok) return ok.error();
  Token token = 0;
  if (auto ok = stream_->copy(&token, next_, sizeof token); !ok) return ok.error();
  if (auto ok = stream_->synchronize(); !ok) return ok.error();
  return token;
}

base::Result<std::vector<float>> CudaBackend::logits() {
  const DeviceScope scope(model_->device());
  if (auto ok = score_last(); !ok) return ok.error();
  std::vector<float> scores(config().vocab);
  if (auto ok = stream_->copy(scores.data(), logits_, scores.size() * sizeof(float)); !ok) return ok.error();
  if (auto ok = stream_->synchronize(); !ok) return ok.error();
  return scores;
}

}  // namespace kvp2p::engine::cuda
