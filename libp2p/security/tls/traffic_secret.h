// The secrets that TLS 1.3 protects application data with (RFC 8446, sections 7.1 to 7.3).
#pragma once

#include "base/bytes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace libp2p::tls {

/// The cipher suites that TLS 1.3 has, but for those with short tags.
enum class Suite : std::uint16_t {
  kAes128GcmSha256 = 0x1301,
  kAes256GcmSha384 = 0x1302,
  kChaCha20Poly1305Sha256 = 0x1303
};
std::optional<Suite> suite_of(std::uint16_t number);

/// Bytes of the suite's digest (and so of its secrets), and of its key.
std::size_t digest_bytes(Suite suite);
std::size_t key_bytes(Suite suite);
/// OpenSSL's name of the cipher.
const char* cipher_name(Suite suite);

inline constexpr std::size_t kIvBytes = 12;

/// At most 48 secret bytes, wiped when they go.
class SecretBytes {
 public:
  static constexpr std::size_t kBytesMax = 48;

  explicit SecretBytes(std::size_t size);
  /// REQUIRES: bytes.size() <= kBytesMax.
  explicit SecretBytes(base::ConstBytes bytes);
  SecretBytes(const SecretBytes&) = default;
  SecretBytes& operator=(const SecretBytes&) = default;
  ~SecretBytes();

  base::ConstBytes bytes() const { return {bytes_.data(), size_}; }
  base::MutableBytes bytes() { return {bytes_.data(), size_}; }

 private:
  std::array<std::uint8_t, kBytesMax> bytes_{};
  std::size_t size_;
};

/// client_ or server_application_traffic_secret_N: one direction's, of which its key and IV are made.
class TrafficSecret {
 public:
  /// REQUIRES: secret.size() == digest_bytes(suite).
  TrafficSecret(Suite suite, base::ConstBytes secret) : suite_(suite), secret_(secret) {}

  Suite suite() const { return suite_; }
  SecretBytes key() const;
  SecretBytes iv() const;
  /// N + 1 (section 7.2).
  TrafficSecret next() const;

 private:
  SecretBytes expand(const char* label, std::size_t size) const;

  Suite suite_;
  SecretBytes secret_;
};

/// Aborts the process: what cannot fail has failed in OpenSSL (it is broken, or there is no memory).
[[noreturn]] void crypto_failure(const char* what);

}  // namespace libp2p::tls
