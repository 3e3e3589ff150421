// XSalsa20 as an endless key stream, taken up where it was left.
#pragma once

#include "base/bytes.h"
#include "libp2p/security/pnet/pre_shared_key.h"

#include <array>
#include <cstdint>

namespace libp2p::pnet {

inline constexpr std::size_t kNonceBytes = 24;
using Nonce = std::array<std::uint8_t, kNonceBytes>;

/// One direction of a connection. The subkey of the nonce (HSalsa20) is computed once; after that whole blocks go
/// through libsodium's bulk function, whatever the sizes of the pieces are. Not thread-safe.
class XSalsa20 {
 public:
  XSalsa20(const PreSharedKey& key, const Nonce& nonce);
  XSalsa20(const XSalsa20&) = delete;
  XSalsa20& operator=(const XSalsa20&) = delete;
  ~XSalsa20();

  /// Encrypts or decrypts the next bytes. `to` is as long as `from`, and may be the same place.
  void apply(base::ConstBytes from, std::uint8_t* to);

 private:
  static constexpr std::size_t kBlockBytes = 64;

  /// As much of a block begun before as there is and `from` needs; how much that was.
  std::size_t use_rest_of_block(base::ConstBytes from, std::uint8_t* to);

  std::array<std::uint8_t, 32> subkey_;
  std::array<std::uint8_t, 8> nonce_;  ///< the rest of it, which is the block's
  std::uint64_t next_block_ = 0;
  std::array<std::uint8_t, kBlockBytes> block_;  ///< of the key stream, begun
  std::size_t used_ = kBlockBytes;               ///< of `block_`
};

}  // namespace libp2p::pnet
