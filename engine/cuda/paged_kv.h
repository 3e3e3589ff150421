// One layer of one sequence's paged KV cache, as kernels address it. bf16. For host and device code, C++17.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define KVP2P_HOST_DEVICE __host__ __device__
#else
#define KVP2P_HOST_DEVICE
#endif

namespace kvp2p::engine::cuda {

/// Tokens for which `blocks` has one entry, whatever the page size: so kernels need not divide by it.
constexpr std::uint32_t kTokensPerEntry = 16;

/// Strides and offsets in elements, not bytes.
struct PagedKv {
  std::uint16_t* k = nullptr;  // head 0 of token 0 of page 0
  std::uint16_t* v = nullptr;
  /// Device memory: where tokens [16 i, 16 i + 16) of the sequence begin, from k and from v alike.
  const std::uint64_t* blocks = nullptr;
  std::uint64_t token_stride = 0;
  std::uint64_t head_stride = 0;
};

/// The entry of `blocks` for tokens [16 i, 16 i + 16) of a sequence whose page that is in is `page`.
KVP2P_HOST_DEVICE inline std::uint64_t block_entry(std::uint32_t i, std::uint32_t page, std::uint32_t page_tokens,
                                                   std::uint64_t page_stride, std::uint64_t token_stride) {
  const std::uint32_t within = i % (page_tokens / kTokensPerEntry) * kTokensPerEntry;
  return page * page_stride + within * token_stride;
}

/// From k or v to element 0 of (token, head).
KVP2P_HOST_DEVICE inline std::uint64_t offset_of(const PagedKv& kv, std::uint32_t token, std::uint32_t head) {
  return kv.blocks[token / kTokensPerEntry] + token % kTokensPerEntry * kv.token_stride + head * kv.head_stride;
}

}  // namespace kvp2p::engine::cuda
