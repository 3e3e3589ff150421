#include "libp2p/security/tls/openssl_types.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace libp2p::tls {

void OpensslDeleter::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }
void OpensslDeleter::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void OpensslDeleter::operator()(ssl_st* ssl) const { SSL_free(ssl); }
void OpensslDeleter::operator()(x509_st* certificate) const { X509_free(certificate); }

}  // namespace libp2p::tls
