#include "gpu/testing/engine_memory.h"

#include "codec/head_slice_codec.h"

#include <cstring>

namespace kvp2p::testing {

std::vector<std::uint8_t> slice_content(const BlockKey& key, std::uint32_t layer, const ObjectFormat& format) {
  std::vector<std::uint8_t> slice;
  // A head's content does not depend on who else is in the shard.
  for (std::uint32_t head = format.shard.head_begin; head < format.shard.head_end; ++head) {
    std::uint64_t state = 0;
    std::memcpy(&state, key.bytes.data(), sizeof state);
    state = (state ^ (std::uint64_t{format.shard.layer_begin + layer} << 32 | head)) * 0x9E3779B97F4A7C15u;
    for (std::size_t i = 0; i < format.engine_head_slice_bytes(); ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      auto byte = static_cast<std::uint8_t>(state >> 56);
      // The exponent's upper bits, in any of the types: magnitudes around 1.
      const bool highest = element_bytes(format.element) > 1 && (i + 1) % element_bytes(format.element) == 0;
      if (highest) byte = static_cast<std::uint8_t>((byte & 0x83) | 0x3c);
      slice.push_back(byte);
    }
  }
  return slice;
}

EngineMemory::EngineMemory(NamedLayout layout, bool shared) : named_(std::move(layout)) {
  if (shared) {
    shared_ = SharedMemory::create(named_.region_bytes).value();
    bytes_ = {shared_.data(), shared_.size()};
  } else {
    private_.resize(named_.region_bytes);
    bytes_ = private_;
  }
  poison();
}

void EngineMemory::compute(const BlockKey& key, Slot slot) {
  const std::size_t row = format().head_dim * element_bytes(format().element);
  for (std::uint32_t layer = 0; layer < format().shard.layers(); ++layer) {
    const auto slice = slice_content(key, layer, format());
    const std::uint8_t* from = slice.data();
    for (std::uint32_t head = 0; head < format().shard.heads(); ++head) {
      for (std::uint32_t plane = 0; plane < format().planes; ++plane) {
        for (std::uint32_t token = 0; token < kBlockTokens; ++token, from += row) {
          std::memcpy(&bytes_[element_offset(layout(), layer, slot, head, plane, token, 0)], from, row);
        }
      }
    }
  }
}

bool EngineMemory::holds(const BlockKey& key, std::uint32_t layer, Slot slot) const {
  return naive_gather(layout(), bytes_.data(), layer, slot) == slice_content(key, layer, format());
}

bool EngineMemory::holds(const BlockKey& key, Slot slot) const {
  for (std::uint32_t layer = 0; layer < format().shard.layers(); ++layer) {
    if (!holds(key, layer, slot)) return false;
  }
  return true;
}

bool EngineMemory::holds_decoded(const BlockKey& key, Slot slot) const {
  const CodedShape shape = CodedShape::of(format());
  for (std::uint32_t layer = 0; layer < format().shard.layers(); ++layer) {
    auto expected = slice_content(key, layer, format());
    base::Bytes coded(format().layer_slice_bytes());
    encode_head_slices(shape, expected, coded);
    decode_head_slices(shape, coded, expected);
    if (naive_gather(layout(), bytes_.data(), layer, slot) != expected) return false;
  }
  return true;
}

bool EngineMemory::is_poisoned(Slot slot) const {
  for (std::uint32_t layer = 0; layer < format().shard.layers(); ++layer) {
    for (const std::uint8_t byte : naive_gather(layout(), bytes_.data(), layer, slot)) {
      if (byte != kPoison) return false;
    }
  }
  return true;
}

void EngineMemory::poison() { std::fill(bytes_.begin(), bytes_.end(), kPoison); }

}  // namespace kvp2p::testing
