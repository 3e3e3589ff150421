// The security protocol /tls/1.0.0 (libp2p/specs tls/tls.md).
#pragma once

#include "libp2p/core/security.h"
#include "libp2p/security/tls/openssl_types.h"
#include "libp2p/security/tls/tls_handshake.h"
#include "multiformats/keys.h"

#include <string>
#include <vector>

namespace libp2p::tls {

/// TLS 1.3 alone, both sides with a certificate, nothing resumed, no server name. The key is made at construction and
/// serves for all connections; so does the certificate, which nobody but the peer sees.
///
/// Errors of a handshake: those of TlsHandshake::advance(), Error::kMessageTooLong, Error::kUnexpectedEof, and those of
/// the raw stream. A dialler that the listener refuses learns of it when it first reads: its handshake was over before.
///
/// Thread-safe: no state changes after construction. It outlives the tasks that it makes.
class TlsSecurity final : public Security {
 public:
  /// Offers `muxers` inside the handshake, in this order, and to settle it by multistream after them all.
  TlsSecurity(const multiformats::PrivateKey& identity, std::vector<std::string> muxers);

  std::string_view protocol_id() const override { return "/tls/1.0.0"; }
  base::Task<base::Result<SecuredStream>> secure_outbound(std::unique_ptr<Stream> raw,
                                                          std::optional<multiformats::PeerId> expected) override;
  base::Task<base::Result<SecuredStream>> secure_inbound(std::unique_ptr<Stream> raw) override;

  /// For tests: records that are sealed with one key, at least two.
  void set_records_per_key(std::uint64_t records) { records_per_key_ = records; }

 private:
  base::Task<base::Result<SecuredStream>> secure(std::unique_ptr<Stream> raw, TlsHandshake::Role role,
                                                 std::optional<multiformats::PeerId> expected);

  std::vector<std::string> muxers_;
  SslContextPointer context_;
  std::uint64_t records_per_key_ = kRecordsPerKey;
};

}  // namespace libp2p::tls
