// The arithmetic of paged copies: which bytes the n-th unit of a slice is. For the kernels and, in tests, for the host.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define KVC_BOTH __host__ __device__ __forceinline__
#else
#define KVC_BOTH inline
#endif

namespace kvc {

/// Division by a number that is known when the kernel is launched, as a multiplication. Exact for n < 2^31.
///
/// With d in (2^(b-1), 2^b] and m = floor(2^(31+b) / d) + 1, m * d exceeds 2^(31+b) by at most 2^b, so n * m >> (31+b)
/// is the quotient while n < 2^31.
struct Divisor {
  std::uint32_t divisor = 1;
  std::uint32_t multiplier = 0x80000001;
  std::uint32_t shift = 31;

  KVC_BOTH std::uint32_t quotient(std::uint32_t n) const {
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>(n) * multiplier) >> shift);
  }
};

/// REQUIRES: 0 < d < 2^31.
inline Divisor divide_by(std::uint32_t d) {
  Divisor made;
  std::uint32_t bits = 0;
  while ((std::uint64_t{1} << bits) < d) ++bits;
  made.divisor = d;
  made.shift = 31 + bits;
  made.multiplier = static_cast<std::uint32_t>((std::uint64_t{1} << made.shift) / d + 1);
  return made;
}

/// One side's walk over a slice, in units: the loops of a kvc_slice_plan around runs.
struct Walk {
  Divisor run;     // units of a run
  Divisor inner;   // runs of the innermost loop
  Divisor middle;  // turns of the middle loop
  std::int64_t strides[3] = {0, 0, 0};

  /// Bytes from the slice's start to its n-th unit in wire order.
  KVC_BOTH std::int64_t offset(std::uint32_t unit, std::uint32_t unit_bytes) const {
    const std::uint32_t run_index = run.quotient(unit);
    const std::uint32_t within = unit - run_index * run.divisor;
    const std::uint32_t middle_turns = inner.quotient(run_index);
    const std::uint32_t k = run_index - middle_turns * inner.divisor;
    const std::uint32_t i = middle.quotient(middle_turns);
    const std::uint32_t j = middle_turns - i * middle.divisor;
    return i * strides[0] + j * strides[1] + k * strides[2] + static_cast<std::int64_t>(within) * unit_bytes;
  }
};

}  // namespace kvc
