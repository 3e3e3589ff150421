// The network's kernels but for the products, which are cuBLAS's. C++17, so that .cu files can include it.
//
// All calls only queue work in `stream`, which belongs to the thread's current device (DeviceScope); what a launch
// refuses is told by take_launch_error(). bf16 is uint16_t here. Sums are fp32 in an order that depends on shapes
// alone, so equal shapes and inputs give equal bits. Rows are contiguous unless a stride is given.
#pragma once

#include "engine/cuda/paged_kv.h"
#include "gpu/cuda/kvcache.h"

#include <cstddef>
#include <cstdint>

namespace kvp2p::engine::cuda {

/// Makes `device` the thread's current one while it lives.
class DeviceScope {
 public:
  explicit DeviceScope(int device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;

 private:
  int before_ = 0;
};

/// Why a launch since the last call failed; null if none did.
const char* take_launch_error();

// Weights
// --------------------------------------------------------------------------------------------------------------

/// Element i becomes bf16 of the value that engine/synthetic_model.cc gives index first + i of a tensor:
/// uniform in [-scale, scale), `tensor_stream` being its stream's start.
void fill_uniform(std::uint16_t* out, std::size_t count, std::uint64_t first, std::uint64_t tensor_stream, float scale,
                  kvc_stream stream);
void fill_ones(float* out, std::size_t count, kvc_stream stream);
/// Rounds to nearest even.
void round_to_bf16(const float* in, std::uint16_t* out, std::size_t count, kvc_stream stream);

// Rows
// -----------------------------------------------------------------------------------------------------------------

/// out[i] = table[tokens[i]], rows of `width`. REQUIRES: tokens inside the table.
void embed(const std::uint32_t* tokens, const std::uint16_t* table, float* out, std::uint32_t count,
           std::uint32_t width, kvc_stream stream);
/// out[i] = in[i] / sqrt(mean of squares + eps) * weight.
void rms_norm(const float* in, const float* weight, std::uint16_t* out, std::uint32_t rows, std::uint32_t width,
              float eps, kvc_stream stream);
/// gate_up rows are [gate | up], `width` each: out = silu(gate) * up.
void swiglu(const std::uint16_t* gate_up, std::uint16_t* out, std::uint32_t rows, std::uint32_t width,
            kvc_stream stream);
/// The index of the greatest of `count` scores, the lowest of equals, to *out (device or pinned memory).
void argmax(const float* scores, std::uint32_t count, std::uint32_t* out, kvc_stream stream);

// Attention
// ------------------------------------------------------------------------------------------------------------

struct HeadShape {
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;  // divides heads
  std::uint32_t head_dim = 0;  // even, 1024 at most
  KVP2P_HOST_DEVICE std::uint32_t width() const { return (heads + 2 * kv_heads) * head_dim; }
};

/// Rows of qkv are [heads | kv_heads keys | kv_heads values], for positions [start, start + count). Turns queries in
/// place, and writes turned keys and the values to the cache. cos, sin: [position][head_dim / 2].
void rope_and_store(std::uint16_t* qkv, const HeadShape& shape, const PagedKv& kv, const float* cos, const float* sin,
                    std::uint32_t start, std::uint32_t count, kvc_stream stream);

/// Causal attention of queries at positions [start, start + count), whose rows lie `shape.width()` apart, to all
/// positions up to their own. out: [count][heads][head_dim]. A query's result does not depend on start or count.
/// For head_dim 64 and 128, on tensor cores.
void prefill_attention(const std::uint16_t* queries, const HeadShape& shape, const PagedKv& kv, std::uint16_t* out,
                       std::uint32_t start, std::uint32_t count, kvc_stream stream);
bool has_tensor_core_attention(std::uint32_t head_dim);

/// The same for any head_dim, slowly.
void plain_attention(const std::uint16_t* queries, const HeadShape& shape, const PagedKv& kv, std::uint16_t* out,
                     std::uint32_t start, std::uint32_t count, kvc_stream stream);

/// Floats of scratch that decode_attention() needs for positions up to `positions`.
std::size_t decode_scratch_floats(const HeadShape& shape, std::uint32_t positions);
/// One query at `position`; the keys are split over many thread blocks.
void decode_attention(const std::uint16_t* query, const HeadShape& shape, const PagedKv& kv, float* scratch,
                      std::uint16_t* out, std::uint32_t position, kvc_stream stream);

/// One head's vectors of one plane (kv.k or kv.v) of tokens [0, tokens), contiguous.
void gather_head(const PagedKv& kv, const std::uint16_t* plane, std::uint32_t head, std::uint32_t head_dim,
                 std::uint32_t tokens, std::uint16_t* out, kvc_stream stream);

}  // namespace kvp2p::engine::cuda
