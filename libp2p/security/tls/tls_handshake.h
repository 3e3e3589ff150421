// One TLS 1.3 handshake, run by OpenSSL in memory: bytes in, bytes out. Afterwards its secrets are ours.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "libp2p/security/tls/openssl_types.h"
#include "libp2p/security/tls/tls_stream.h"
#include "multiformats/peer_id.h"

#include <ctime>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct bio_st;

namespace libp2p::tls {

/// What a peer may send until the handshake is over; certificates are bounded by themselves.
inline constexpr std::size_t kHandshakeMaxBytes = 64 * 1024;
inline constexpr long kCertificatesMaxBytes = 16 * 1024;

/// The protocols that both sides may agree on by ALPN: muxers in order of preference, then this one, which leaves the
/// muxer to multistream (libp2p/specs connections/inlined-muxer-negotiation.md).
inline constexpr std::string_view kAnyMuxer = "libp2p";

/// Not thread-safe. OpenSSL keeps pointers to it.
class TlsHandshake {
 public:
  enum class Role { kDialler, kListener };
  struct Config {
    ssl_ctx_st* context = nullptr;
    Role role = Role::kDialler;
    std::vector<std::string> muxers;
    /// Any other peer is Error::kPeerIdMismatch.
    std::optional<multiformats::PeerId> expected = std::nullopt;
    std::time_t now = 0;
  };

  /// A context for handshakes in both roles that shows this certificate. Thread-safe once made.
  static SslContextPointer make_context(x509_st* certificate, evp_pkey_st* key);

  explicit TlsHandshake(Config config);
  TlsHandshake(const TlsHandshake&) = delete;
  TlsHandshake& operator=(const TlsHandshake&) = delete;
  ~TlsHandshake();

  /// Goes on as far as it can. True once the handshake is over; false if it needs bytes. An error tells why it has
  /// failed: those of verify_certificate(), Error::kPeerIdMismatch, else Error::kHandshakeFailed. take_output() goes to
  /// the other side in each case.
  base::Result<bool> advance();
  base::Bytes take_output();
  /// Error::kMessageTooLong beyond kHandshakeMaxBytes.
  base::Result<> give_input(base::ConstBytes bytes);

  // REQUIRES of what follows: advance() has returned true.

  const multiformats::PublicKey& remote_key() const { return *remote_key_; }
  /// Empty if it is left to multistream.
  std::string muxer() const;
  /// The secrets, and what has been received behind the handshake.
  TrafficSecrets take_secrets();

 private:
  struct Callbacks;

  int verify(const std::function<x509_st*()>& only_certificate);
  int select_alpn(base::ConstBytes offered, base::ConstBytes& selected);
  void take_key_log(std::string_view line);
  TrafficSecret secret(const std::optional<SecretBytes>& bytes) const;

  Config config_;
  SslPointer ssl_;
  bio_st* input_ = nullptr;   ///< ssl_'s
  bio_st* output_ = nullptr;  ///< ssl_'s
  std::size_t received_ = 0;
  base::Bytes alpn_;  ///< in ALPN's form
  base::Error refusal_;
  std::optional<multiformats::PublicKey> remote_key_;
  std::optional<SecretBytes> client_secret_;
  std::optional<SecretBytes> server_secret_;
};

}  // namespace libp2p::tls
