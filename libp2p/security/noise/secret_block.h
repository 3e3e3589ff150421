// 32 bytes: Noise's keys and digests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace libp2p::noise {

inline constexpr std::size_t kBlockBytes = 32;

/// A public key or a digest.
using Block = std::array<std::uint8_t, kBlockBytes>;

/// A secret key, wiped when it goes.
class SecretBlock {
 public:
  SecretBlock() = default;
  explicit SecretBlock(const Block& bytes) : bytes_(bytes) {}
  SecretBlock(const SecretBlock&) = default;
  SecretBlock& operator=(const SecretBlock&) = default;
  ~SecretBlock();

  const Block& bytes() const { return bytes_; }
  Block& bytes() { return bytes_; }

 private:
  Block bytes_{};
};

}  // namespace libp2p::noise
