// Owners of OpenSSL's objects, without its headers.
#pragma once

#include <memory>

struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_st;
struct x509_st;

namespace libp2p::tls {

struct OpensslDeleter {
  void operator()(evp_pkey_st* key) const;
  void operator()(ssl_ctx_st* context) const;
  void operator()(ssl_st* ssl) const;
  void operator()(x509_st* certificate) const;
};
using KeyPointer = std::unique_ptr<evp_pkey_st, OpensslDeleter>;
using SslContextPointer = std::unique_ptr<ssl_ctx_st, OpensslDeleter>;
using SslPointer = std::unique_ptr<ssl_st, OpensslDeleter>;
using X509Pointer = std::unique_ptr<x509_st, OpensslDeleter>;

}  // namespace libp2p::tls
