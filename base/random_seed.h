#pragma once

#include "base/bytes.h"

#include <cstdint>

namespace base {

/// For whatever must choose otherwise in every run.
inline std::uint64_t random_seed() {
  Bytes seed(sizeof(std::uint64_t));
  random_bytes(seed);
  return load_le64(seed.data());
}

}  // namespace base
