#include "libp2p/security/tls/testing/openssl_peer.h"

#include <array>
#include <cstdlib>

namespace libp2p::tls::testing {

OpensslPeer::OpensslPeer(std::unique_ptr<Stream> raw, const OpensslPeerOptions& options)
    : raw_(std::move(raw)), options_(options), context_(SSL_CTX_new(TLS_method())) {
  SSL_CTX* const context = context_.get();
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, options.version);
  SSL_CTX_set_max_proto_version(context, options.version);
  SSL_CTX_set_ciphersuites(context, options.cipher_suites.c_str());
  SSL_CTX_set_num_tickets(context, options.tickets);
  SSL_CTX_set_block_padding(context, options.padding);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  if (options.certificate != nullptr) {
    SSL_CTX_use_certificate(context, options.certificate);
    SSL_CTX_use_PrivateKey(context, options.key);
  }
  if (options.second_certificate != nullptr) SSL_CTX_add1_chain_cert(context, options.second_certificate);
  for (const std::string& protocol : options.protocols) {
    alpn_.push_back(static_cast<std::uint8_t>(protocol.size()));
    base::append(alpn_, base::as_bytes(protocol));
  }
  if (!options.protocols.empty()) {
    SSL_CTX_set_alpn_protos(context, alpn_.data(), static_cast<unsigned>(alpn_.size()));
    SSL_CTX_set_alpn_select_cb(context, &OpensslPeer::select_alpn, this);
  }
  ssl_.reset(SSL_new(context));
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  options.dials ? SSL_set_connect_state(ssl_.get()) : SSL_set_accept_state(ssl_.get());
}

int OpensslPeer::select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char*, unsigned,
                             void* self) {
  const base::Bytes& alpn = static_cast<OpensslPeer*>(self)->alpn_;
  *out = alpn.data() + 1;
  *out_size = alpn[0];
  return SSL_TLSEXT_ERR_OK;
}

std::string OpensslPeer::protocol() const {
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  return std::string(base::as_text({protocol, size}));
}

base::Task<bool> OpensslPeer::flush() {
  base::Bytes output(BIO_ctrl_pending(SSL_get_wbio(ssl_.get())));
  if (output.empty()) co_return true;
  BIO_read(SSL_get_wbio(ssl_.get()), output.data(), static_cast<int>(output.size()));
  auto written = co_await raw_->write(output);
  co_return written.has_value();
}

base::Task<bool> OpensslPeer::fill() {
  std::array<std::uint8_t, 20'000> buffer;
  const base::MutableBytes space(buffer);
  auto count = co_await raw_->read_some(space);
  if (!count || *count == 0) co_return false;
  BIO_write(SSL_get_rbio(ssl_.get()), buffer.data(), static_cast<int>(*count));
  co_return true;
}

base::Task<bool> OpensslPeer::handshake() {
  for (;;) {
    const int result = SSL_do_handshake(ssl_.get());
    const bool failed = result != 1 && SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ;
    const bool flushed = co_await flush();
    if (failed || !flushed) co_return false;
    if (result == 1) co_return true;
    const bool filled = co_await fill();
    if (!filled) co_return false;
  }
}

base::Task<bool> OpensslPeer::write(base::ConstBytes bytes) {
  if (SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0) co_return false;
  co_return co_await flush();
}

base::Task<std::optional<std::size_t>> OpensslPeer::read(base::MutableBytes into) {
  for (;;) {
    const int result = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
    if (result > 0) co_return static_cast<std::size_t>(result);
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_ZERO_RETURN) co_return 0U;
    if (error != SSL_ERROR_WANT_READ) co_return std::nullopt;
    const bool filled = co_await fill();
    if (!filled) co_return std::nullopt;
  }
}

base::Task<> OpensslPeer::shut_down() {
  SSL_shutdown(ssl_.get());
  co_await flush();
}

}  // namespace libp2p::tls::testing
