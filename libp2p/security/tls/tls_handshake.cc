#include "libp2p/security/tls/tls_handshake.h"

#include "libp2p/core/error.h"
#include "libp2p/security/tls/certificate.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include <algorithm>
#include <cassert>

namespace libp2p::tls {

namespace {

constexpr const char* kAesFirst = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kChaCha20First = "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";

/// Whether AES-GCM is the processor's own.
bool has_aes() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
  constexpr unsigned long kAesAndPmull = 3UL << 3;
  return (getauxval(AT_HWCAP) & kAesAndPmull) == kAesAndPmull;
#else
  return false;
#endif
}

TlsHandshake& handshake_of(const SSL* ssl) { return *static_cast<TlsHandshake*>(SSL_get_app_data(ssl)); }

void require(bool succeeded) {
  if (!succeeded) crypto_failure("setting up TLS");
}

}  // namespace

struct TlsHandshake::Callbacks {
  static int verify(X509_STORE_CTX* store, void*) {
    const int index = SSL_get_ex_data_X509_STORE_CTX_idx();
    const auto* const ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, index));
    const auto only_certificate = [store]() -> X509* {
      // All that the peer has sent, the first of them its own.
      const STACK_OF(X509)* const sent = X509_STORE_CTX_get0_untrusted(store);
      return sent != nullptr && sk_X509_num(sent) == 1 ? X509_STORE_CTX_get0_cert(store) : nullptr;
    };
    const int verified = handshake_of(ssl).verify(only_certificate);
    X509_STORE_CTX_set_error(store, verified == 1 ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return verified;
  }
  static int select_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                         unsigned in_size, void*) {
    base::ConstBytes selected;
    const int result = handshake_of(ssl).select_alpn({in, in_size}, selected);
    *out = selected.data();
    *out_size = static_cast<unsigned char>(selected.size());
    return result;
  }
  static void log_key(const SSL* ssl, const char* line) { handshake_of(ssl).take_key_log(line); }
};

SslContextPointer TlsHandshake::make_context(x509_st* certificate, evp_pkey_st* key) {
  SslContextPointer made(SSL_CTX_new(TLS_method()));
  SSL_CTX* const context = made.get();
  require(context != nullptr);
  // Whatever the system's openssl.cnf says: strength is verify_certificate()'s to check.
  SSL_CTX_set_security_level(context, 1);
  require(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
          SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1);
  require(SSL_CTX_set_ciphersuites(context, has_aes() ? kAesFirst : kChaCha20First) == 1);
  // The listener's order, but a dialler without AES gets what it has first.
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_TICKET);
  SSL_CTX_clear_options(context, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
  require(SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  require(SSL_CTX_set_num_tickets(context, 0) == 1);
  SSL_CTX_set_max_cert_list(context, kCertificatesMaxBytes);
  require(SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(context, &Callbacks::verify, nullptr);
  SSL_CTX_set_alpn_select_cb(context, &Callbacks::select_alpn, nullptr);
  SSL_CTX_set_keylog_callback(context, &Callbacks::log_key);
  return made;
}

TlsHandshake::TlsHandshake(Config config) : config_(std::move(config)), ssl_(SSL_new(config_.context)) {
  input_ = BIO_new(BIO_s_mem());
  output_ = BIO_new(BIO_s_mem());
  require(ssl_ && input_ != nullptr && output_ != nullptr);
  SSL_set_bio(ssl_.get(), input_, output_);
  SSL_set_app_data(ssl_.get(), this);
  const bool dials = config_.role == Role::kDialler;
  dials ? SSL_set_connect_state(ssl_.get()) : SSL_set_accept_state(ssl_.get());
  config_.muxers.emplace_back(kAnyMuxer);
  for (const std::string& muxer : config_.muxers) {
    assert(!muxer.empty() && muxer.size() < 256);
    alpn_.push_back(static_cast<std::uint8_t>(muxer.size()));
    base::append(alpn_, base::as_bytes(muxer));
  }
  // Returns 0 on success.
  if (dials) require(SSL_set_alpn_protos(ssl_.get(), alpn_.data(), static_cast<unsigned>(alpn_.size())) == 0);
}

TlsHandshake::~TlsHandshake() = default;

base::Result<bool> TlsHandshake::advance() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    const bool is_agreed = client_secret_ && server_secret_ && remote_key_;
    if (!is_agreed) return Error::kHandshakeFailed;
    // A listener that knows none of our protocols ends the handshake; one that does not know ALPN is no libp2p.
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
    if (size == 0) return Error::kHandshakeFailed;
    return true;
  }
  if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return false;
  ERR_clear_error();
  if (!refusal_) return Error::kHandshakeFailed;
  return base::Result<bool>(boost::system::in_place_error, refusal_);
}

base::Bytes TlsHandshake::take_output() {
  base::Bytes bytes(BIO_ctrl_pending(output_));
  if (!bytes.empty()) BIO_read(output_, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

base::Result<> TlsHandshake::give_input(base::ConstBytes bytes) {
  received_ += bytes.size();
  if (received_ > kHandshakeMaxBytes) return Error::kMessageTooLong;
  if (bytes.empty()) return {};
  require(BIO_write(input_, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size()));
  return {};
}

std::string TlsHandshake::muxer() const {
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  const std::string_view selected = base::as_text({protocol, size});
  return selected == kAnyMuxer ? std::string() : std::string(selected);
}

TrafficSecrets TlsHandshake::take_secrets() {
  // OpenSSL reads record by record: what follows the handshake is still where we have put it.
  base::Bytes received(BIO_ctrl_pending(input_));
  if (!received.empty()) BIO_read(input_, received.data(), static_cast<int>(received.size()));
  const bool dials = config_.role == Role::kDialler;
  TrafficSecrets secrets{secret(dials ? client_secret_ : server_secret_),
                         secret(dials ? server_secret_ : client_secret_), std::move(received)};
  client_secret_.reset();
  server_secret_.reset();
  return secrets;
}

TrafficSecret TlsHandshake::secret(const std::optional<SecretBytes>& bytes) const {
  const SSL_CIPHER* const cipher = SSL_get_current_cipher(ssl_.get());
  const auto suite = suite_of(SSL_CIPHER_get_protocol_id(cipher));
  if (!suite || bytes->bytes().size() != digest_bytes(*suite)) crypto_failure("a TLS handshake's secrets");
  return TrafficSecret(*suite, bytes->bytes());
}

int TlsHandshake::verify(const std::function<x509_st*()>& only_certificate) {
  x509_st* const certificate = only_certificate();
  auto key = certificate != nullptr ? verify_certificate(certificate, config_.now)
                                    : base::Result<multiformats::PublicKey>(Error::kHandshakeFailed);
  if (!key) {
    refusal_ = key.error();
  } else if (config_.expected && !config_.expected->matches(*key)) {
    refusal_ = Error::kPeerIdMismatch;
  } else {
    remote_key_ = std::move(*key);
  }
  ERR_clear_error();
  return refusal_ ? 0 : 1;
}

/// The first of the dialler's that we know.
int TlsHandshake::select_alpn(base::ConstBytes offered, base::ConstBytes& selected) {
  // OpenSSL has checked that `offered` is well-formed.
  while (!offered.empty()) {
    const base::ConstBytes protocol = offered.subspan(1, offered[0]);
    offered = offered.subspan(1 + protocol.size());
    const auto known = std::ranges::find(config_.muxers, base::as_text(protocol));
    if (known == config_.muxers.end()) continue;
    selected = base::as_bytes(*known);
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// A line as in NSS's key log: label, client random, secret.
void TlsHandshake::take_key_log(std::string_view line) {
  const bool is_client = line.starts_with("CLIENT_TRAFFIC_SECRET_0 ");
  if (!is_client && !line.starts_with("SERVER_TRAFFIC_SECRET_0 ")) return;
  const std::string_view text = line.substr(line.rfind(' ') + 1);
  if (text.size() % 2 != 0 || text.size() / 2 > SecretBytes::kBytesMax) crypto_failure("reading a TLS secret");
  SecretBytes secret(text.size() / 2);
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10); };
  for (std::size_t i = 0; i < secret.bytes().size(); ++i) {
    secret.bytes()[i] = static_cast<std::uint8_t>(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
  }
  (is_client ? client_secret_ : server_secret_) = secret;
}

}  // namespace libp2p::tls
