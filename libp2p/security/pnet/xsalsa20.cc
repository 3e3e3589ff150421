#include "libp2p/security/pnet/xsalsa20.h"

#include <sodium.h>

#include <algorithm>

namespace libp2p::pnet {

XSalsa20::XSalsa20(const PreSharedKey& key, const Nonce& nonce) {
  static_assert(crypto_core_hsalsa20_KEYBYTES == kKeyBytes && crypto_core_hsalsa20_OUTPUTBYTES == sizeof subkey_);
  static_assert(crypto_core_hsalsa20_INPUTBYTES + crypto_stream_salsa20_NONCEBYTES == kNonceBytes);
  crypto_core_hsalsa20(subkey_.data(), nonce.data(), key.bytes().data(), nullptr);
  std::copy_n(nonce.begin() + crypto_core_hsalsa20_INPUTBYTES, nonce_.size(), nonce_.begin());
}

XSalsa20::~XSalsa20() {
  sodium_memzero(subkey_.data(), subkey_.size());
  sodium_memzero(block_.data(), block_.size());
}

void XSalsa20::apply(base::ConstBytes from, std::uint8_t* to) {
  const std::size_t begun = use_rest_of_block(from, to);
  from = from.subspan(begun);
  to += begun;
  const std::size_t blocks = from.size() / kBlockBytes;
  if (blocks > 0) {
    crypto_stream_salsa20_xor_ic(to, from.data(), blocks * kBlockBytes, nonce_.data(), next_block_, subkey_.data());
    next_block_ += blocks;
    from = from.subspan(blocks * kBlockBytes);
    to += blocks * kBlockBytes;
  }
  if (from.empty()) return;
  block_.fill(0);
  crypto_stream_salsa20_xor_ic(block_.data(), block_.data(), block_.size(), nonce_.data(), next_block_++,
                               subkey_.data());
  used_ = 0;
  use_rest_of_block(from, to);
}

std::size_t XSalsa20::use_rest_of_block(base::ConstBytes from, std::uint8_t* to) {
  const std::size_t count = std::min(from.size(), kBlockBytes - used_);
  for (std::size_t i = 0; i < count; ++i) to[i] = from[i] ^ block_[used_ + i];
  used_ += count;
  return count;
}

}  // namespace libp2p::pnet
