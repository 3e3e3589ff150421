// Seeded numbers for tests, the same on every machine.
#pragma once

#include <cstdint>
#include <vector>

namespace kvp2p::engine::testing {

/// Uniform in [-1, 1).
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed) {}

  std::uint32_t bits() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state_ >> 33);
  }
  float next() { return static_cast<float>(static_cast<std::int32_t>(bits() & 0xffffff) - (1 << 23)) * 0x1p-23f; }
  std::vector<float> vector(std::size_t size) {
    std::vector<float> out(size);
    for (float& x : out) x = next();
    return out;
  }
  std::vector<std::uint32_t> tokens(std::size_t count, std::uint32_t vocab) {
    std::vector<std::uint32_t> out(count);
    for (std::uint32_t& token : out) token = bits() % vocab;
    return out;
  }

 private:
  std::uint64_t state_;
};

}  // namespace kvp2p::engine::testing
