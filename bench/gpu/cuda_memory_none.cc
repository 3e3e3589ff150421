// In builds without CUDA.
#include "bench/gpu/bench_memory.h"

namespace kvp2p::bench {

std::unique_ptr<BenchMemory> make_cuda_memory(int, std::size_t) { fail("--device=cuda", "this build has no CUDA"); }

}  // namespace kvp2p::bench
