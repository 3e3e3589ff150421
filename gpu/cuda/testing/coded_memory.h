// An engine's memory to code: finite elements, groups of zeroes, and a few values that are not finite. For tests.
#pragma once

#include "gpu/testing/engine_memory.h"

#include <cstring>
#include <random>
#include <vector>

namespace kvp2p::testing {

/// REQUIRES: a format with a codec.
inline std::vector<std::uint8_t> coded_memory(const NamedLayout& named, std::mt19937& random) {
  EngineMemory memory(named);
  const ObjectFormat& format = named.layout.format;
  const std::size_t bytes = element_bytes(format.element);
  for (Slot slot = 0; slot < named.layout.slots(); ++slot) {
    BlockKey key;
    for (auto& byte : key.bytes) byte = static_cast<std::uint8_t>(random());
    memory.compute(key, slot);
    const auto layer = static_cast<std::uint32_t>(random() % format.shard.layers());
    const auto head = static_cast<std::uint32_t>(random() % format.shard.heads());
    std::uint8_t* row = &memory.bytes()[element_offset(named.layout, layer, slot, head, 0, 3, 0)];
    std::memset(row, 0, format.head_dim * bytes);
    row = &memory.bytes()[element_offset(named.layout, layer, slot, head, 0, 5, 0)];
    if (random() % 2 == 0) std::memset(row + random() % format.head_dim * bytes, 0xff, bytes);
  }
  return {memory.bytes().begin(), memory.bytes().end()};
}

}  // namespace kvp2p::testing
