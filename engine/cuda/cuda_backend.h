// A GPU: bf16 weights, K and V, products by cuBLAS, sums and the residual stream in fp32.
//
// All work goes to one stream. Every product and kernel of a chunk depends on the chunk's size and place alone, so the
// same prompt cut at the same places gives the same bits, whether a prefix was computed or fetched.
#pragma once

#include "engine/backend.h"
#include "engine/cuda/cublas.h"
#include "engine/cuda/cuda_kv_cache.h"
#include "engine/cuda/cuda_model.h"
#include "engine/cuda/kernels.h"

#include <memory>
#include <vector>

namespace kvp2p::engine::cuda {

/// Large, for products are fastest so; scratch memory grows with it (1 GiB for the shape of Llama 3 8B).
inline constexpr std::size_t kCudaChunkTokens = 8192;

class CudaBackend final : public Backend {
 public:
  /// Serves positions [0, positions), at most `chunk_tokens` at once. kNoCublas, kOutOfDeviceMemory, kDeviceFailed.
  static base::Result<std::unique_ptr<CudaBackend>> create(std::shared_ptr<const CudaModel> model,
                                                           std::size_t positions, std::size_t chunk_tokens,
                                                           const KvPagesOptions& kv);
  ~CudaBackend() override;

  const ModelConfig& config() const override { return model_->config(); }
  std::size_t positions() const override { return positions_; }
  KvPages& kv() override { return *kv_; }
  base::Result<ModelSpec> spec(const std::filesystem::path& cache_dir) const override {
    return model_->spec(cache_dir);
  }
  base::Result<Passed> run_prompt(std::span<const Token> tokens, std::size_t start, const BlockTable& table,
                                  const BeforeLayer& before_layer) override;
  base::Result<> run_next(Token token, std::size_t position, const BlockTable& table) override;
  base::Result<Token> next_token() override;

  /// Scores of what may follow the last token that has been run.
  base::Result<std::vector<float>> logits();

 private:
  CudaBackend(std::shared_ptr<const CudaModel> model, std::size_t positions, std::size_t chunk_tokens);
  base::Result<> allocate(const KvPagesOptions& kv);
  base::Result<> begin(std::span<const Token> tokens, std::size_t start, const BlockTable& table);
  base::Result<> run_layer(std::size_t layer);
  void attend(const PagedKv& kv);
  base::Result<> score_last();

  const std::shared_ptr<const CudaModel> model_;
  const std::size_t positions_;
  const std::size_t chunk_tokens_;
  const HeadShape shape_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Cublas> cublas_;
  std::unique_ptr<CudaKvCache> kv_;
  // What runs now, or ran last.
  std::uint32_t start_ = 0;
  std::uint32_t count_ = 0;

  DeviceArrays arrays_;
  float* cos_ = nullptr;  // [position][head_dim / 2]
  float* sin_ = nullptr;
  std::uint32_t* tokens_ = nullptr;
  float* hidden_ = nullptr;             // [chunk][hidden], the residual stream
  std::uint16_t* normed_ = nullptr;     // [chunk][hidden]
  std::uint16_t* qkv_ = nullptr;        // [chunk][heads + 2 kv_heads][head_dim]
  std::uint16_t* attended_ = nullptr;   // [chunk][heads][head_dim]
  std::uint16_t* gate_up_ = nullptr;    // [chunk][2][intermediate]
  std::uint16_t* activated_ = nullptr;  // [chunk][intermediate]
  float* partial_ = nullptr;            // decode_attention()'s
  float* logits_ = nullptr;             // [vocab]
  std::uint32_t* next_ = nullptr;
};

}  // namespace kvp2p::engine::cuda
