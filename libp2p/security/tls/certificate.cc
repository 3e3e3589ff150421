#include "libp2p/security/tls/certificate.h"

#include "libp2p/core/error.h"
#include "libp2p/security/tls/signed_key.h"
#include "libp2p/security/tls/traffic_secret.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>

namespace libp2p::tls {

namespace {

constexpr std::time_t kBackdatedSeconds = 24 * 3600;
constexpr std::time_t kValidDays = 100 * 365;
/// As strong as RSA of 2,048 bits; of a digest, as collisions in SHA-224. So MD5 and SHA-1 are none.
constexpr int kSecurityBitsMin = 112;

struct Asn1Deleter {
  void operator()(ASN1_OBJECT* object) const { ASN1_OBJECT_free(object); }
  void operator()(ASN1_OCTET_STRING* string) const { ASN1_OCTET_STRING_free(string); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
template <class T>
using Asn1Pointer = std::unique_ptr<T, Asn1Deleter>;

Asn1Pointer<ASN1_OBJECT> signed_key_oid() { return Asn1Pointer<ASN1_OBJECT>(OBJ_txt2obj(kSignedKeyOid, 1)); }

/// The SubjectPublicKeyInfo in DER.
base::Bytes subject_public_key(x509_st* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) return {};
  base::Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

void require(bool succeeded) {
  if (!succeeded) crypto_failure("making a certificate");
}

void set_serial(x509_st* certificate) {
  std::array<std::uint8_t, 16> serial;
  base::random_bytes(serial);
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 1);  // positive, and of its full length
  ASN1_INTEGER* const number = X509_get_serialNumber(certificate);
  BIGNUM* const value = BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr);
  require(value != nullptr && BN_to_ASN1_INTEGER(value, number) != nullptr);
  BN_free(value);
}

void add_signed_key(x509_st* certificate, const multiformats::PrivateKey& identity) {
  const base::Bytes value = make_signed_key(identity, subject_public_key(certificate));
  const Asn1Pointer<ASN1_OBJECT> oid = signed_key_oid();
  const Asn1Pointer<ASN1_OCTET_STRING> string(ASN1_OCTET_STRING_new());
  require(oid && string && ASN1_OCTET_STRING_set(string.get(), value.data(), static_cast<int>(value.size())) == 1);
  const Asn1Pointer<X509_EXTENSION> extension(X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), 0, string.get()));
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

bool is_valid_at(x509_st* certificate, std::time_t now) {
  // Both functions return 0 for a time that is malformed.
  return X509_cmp_time(X509_get0_notBefore(certificate), &now) < 0 &&
         X509_cmp_time(X509_get0_notAfter(certificate), &now) > 0;
}

bool is_strong(x509_st* certificate) {
  int security_bits = 0;
  if (X509_get_signature_info(certificate, nullptr, nullptr, &security_bits, nullptr) != 1) return false;
  const EVP_PKEY* const key = X509_get0_pubkey(certificate);
  return key != nullptr && security_bits >= kSecurityBitsMin && EVP_PKEY_get_security_bits(key) >= kSecurityBitsMin;
}

/// The SignedKey extension's value; nothing if there is none, or two, or an extension that is critical and unknown.
base::Result<base::ConstBytes> find_signed_key(x509_st* certificate) {
  const Asn1Pointer<ASN1_OBJECT> oid = signed_key_oid();
  base::ConstBytes found;
  bool is_found = false;
  for (int i = 0; i < X509_get_ext_count(certificate); ++i) {
    X509_EXTENSION* const extension = X509_get_ext(certificate, i);
    if (OBJ_cmp(X509_EXTENSION_get_object(extension), oid.get()) == 0) {
      if (is_found) return Error::kMalformedMessage;
      const ASN1_OCTET_STRING* const value = X509_EXTENSION_get_data(extension);
      found = {ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))};
      is_found = true;
    } else if (X509_EXTENSION_get_critical(extension) != 0 && X509_supported_extension(extension) == 0) {
      return Error::kHandshakeFailed;
    }
  }
  if (!is_found) return Error::kMalformedMessage;
  return found;
}

}  // namespace

Certificate make_certificate(const multiformats::PrivateKey& identity, std::time_t now) {
  Certificate made{X509Pointer(X509_new()), KeyPointer(EVP_EC_gen("P-256"))};
  x509_st* const certificate = made.certificate.get();
  require(certificate != nullptr && made.key);
  require(X509_set_version(certificate, X509_VERSION_3) == 1 && X509_set_pubkey(certificate, made.key.get()) == 1);
  set_serial(certificate);
  require(X509_time_adj(X509_getm_notBefore(certificate), -kBackdatedSeconds, &now) != nullptr &&
          X509_time_adj_ex(X509_getm_notAfter(certificate), kValidDays, 0, &now) != nullptr);
  // A name that says nothing; some refuse an empty one.
  X509_NAME* const name = X509_get_subject_name(certificate);
  const auto* const text = reinterpret_cast<const unsigned char*>("libp2p");
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1 &&
          X509_set_issuer_name(certificate, name) == 1);
  add_signed_key(certificate, identity);
  require(X509_sign(certificate, made.key.get(), EVP_sha256()) > 0);
  return made;
}

base::Result<multiformats::PublicKey> verify_certificate(x509_st* certificate, std::time_t now) {
  // The order is that of the cost, but for the certificate's own signature, without which nothing in it counts.
  if (!is_valid_at(certificate, now) || !is_strong(certificate)) return Error::kHandshakeFailed;
  const auto value = find_signed_key(certificate);
  if (!value) return value.error();
  auto key = parse_signed_key(*value);
  if (!key) return key.error();
  if (X509_verify(certificate, X509_get0_pubkey(certificate)) != 1) return Error::kBadSignature;
  const auto verified = verify_signed_key(*key, subject_public_key(certificate));
  if (!verified) return verified.error();
  return std::move(key->public_key);
}

base::Result<multiformats::PublicKey> verify_certificate(base::ConstBytes der, std::time_t now) {
  const unsigned char* at = der.data();
  const X509Pointer certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (!certificate || at != der.data() + der.size()) return Error::kMalformedMessage;
  return verify_certificate(certificate.get(), now);
}

}  // namespace libp2p::tls
