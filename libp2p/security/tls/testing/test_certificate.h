// Certificates as a peer should not make them. For tests.
#pragma once

#include "libp2p/security/tls/certificate.h"
#include "libp2p/security/tls/signed_key.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <functional>
#include <optional>

namespace libp2p::tls::testing {

inline void must(bool succeeded) {
  if (!succeeded) std::abort();
}

inline base::Bytes subject_public_key(evp_pkey_st* key) {
  base::Bytes der(static_cast<std::size_t>(i2d_PUBKEY(key, nullptr)));
  unsigned char* at = der.data();
  i2d_PUBKEY(key, &at);
  return der;
}

struct TestExtension {
  std::string oid = kSignedKeyOid;
  base::Bytes value;
  bool is_critical = false;
};

struct TestCertificateOptions {
  std::function<KeyPointer()> make_key = [] { return KeyPointer(EVP_EC_gen("P-256")); };
  long valid_from_seconds = -3600;  ///< from now
  long valid_to_seconds = 3600;
  /// What is in the SignedKey extension for a certificate's key; left out if nothing.
  std::function<std::optional<base::Bytes>(base::ConstBytes subject_public_key)> signed_key;
  bool signed_key_is_critical = false;
  std::vector<TestExtension> more_extensions = {};
  bool signs_with_other_key = false;
  const EVP_MD* digest = EVP_sha256();
};

inline void add_extension(x509_st* certificate, const TestExtension& extension) {
  ASN1_OBJECT* const oid = OBJ_txt2obj(extension.oid.c_str(), 1);
  ASN1_OCTET_STRING* const value = ASN1_OCTET_STRING_new();
  must(ASN1_OCTET_STRING_set(value, extension.value.data(), static_cast<int>(extension.value.size())) == 1);
  X509_EXTENSION* const made = X509_EXTENSION_create_by_OBJ(nullptr, oid, extension.is_critical, value);
  must(made != nullptr && X509_add_ext(certificate, made, -1) == 1);
  X509_EXTENSION_free(made);
  ASN1_OCTET_STRING_free(value);
  ASN1_OBJECT_free(oid);
}

inline Certificate make_test_certificate(const TestCertificateOptions& options) {
  Certificate made{X509Pointer(X509_new()), options.make_key()};
  x509_st* const certificate = made.certificate.get();
  must(X509_set_version(certificate, X509_VERSION_3) == 1 && X509_set_pubkey(certificate, made.key.get()) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), options.valid_from_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate), options.valid_to_seconds);
  if (options.signed_key) {
    const auto value = options.signed_key(subject_public_key(made.key.get()));
    if (value) add_extension(certificate, {kSignedKeyOid, *value, options.signed_key_is_critical});
  }
  for (const TestExtension& extension : options.more_extensions) add_extension(certificate, extension);
  const KeyPointer other = options.make_key();
  must(X509_sign(certificate, options.signs_with_other_key ? other.get() : made.key.get(), options.digest) > 0);
  return made;
}

inline base::Bytes to_der(x509_st* certificate) {
  base::Bytes der(static_cast<std::size_t>(i2d_X509(certificate, nullptr)));
  unsigned char* at = der.data();
  i2d_X509(certificate, &at);
  return der;
}

}  // namespace libp2p::tls::testing
