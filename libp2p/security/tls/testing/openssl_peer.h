// The other side of a connection, played by OpenSSL's own record layer. For tests.
#pragma once

#include "libp2p/core/stream.h"
#include "libp2p/security/tls/certificate.h"

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace libp2p::tls::testing {

struct OpensslPeerOptions {
  bool dials = false;
  /// What it shows; none if null.
  x509_st* certificate = nullptr;
  evp_pkey_st* key = nullptr;
  /// Sent behind its certificate.
  x509_st* second_certificate = nullptr;
  int version = TLS1_3_VERSION;
  std::string cipher_suites = "TLS_AES_128_GCM_SHA256";
  /// Offered as dialler, or taken as listener whatever is offered; none if empty.
  std::vector<std::string> protocols = {"libp2p"};
  std::size_t tickets = 0;
  /// Records are padded to a multiple of this.
  std::size_t padding = 0;
};

/// One connection over `raw`. Not thread-safe.
class OpensslPeer {
 public:
  OpensslPeer(std::unique_ptr<Stream> raw, const OpensslPeerOptions& options);

  /// Whether the handshake succeeded.
  base::Task<bool> handshake();
  base::Task<bool> write(base::ConstBytes bytes);
  /// Bytes read, 0 at the end of the stream; nothing for a failure.
  base::Task<std::optional<std::size_t>> read(base::MutableBytes into);
  /// close_notify.
  base::Task<> shut_down();
  /// Changes its key with the next write, and asks for the other side's to change.
  void update_key(bool asks) {
    SSL_key_update(ssl_.get(), asks ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
  }

  SSL* ssl() { return ssl_.get(); }
  Stream& raw() { return *raw_; }
  std::string protocol() const;

 private:
  static int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                         unsigned in_size, void* self);
  base::Task<bool> flush();
  base::Task<bool> fill();

  std::unique_ptr<Stream> raw_;
  OpensslPeerOptions options_;
  SslContextPointer context_;
  SslPointer ssl_;
  base::Bytes alpn_;
};

}  // namespace libp2p::tls::testing
