// Private keys of the types that we verify but do not sign with, for tests: other implementations' peers have them.
#pragma once

#include "base/bytes.h"
#include "multiformats/keys.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <memory>

namespace multiformats::testing {

class ForeignKey {
 public:
  /// Reads a PrivateKey protobuf of RSA (PKCS#1), ECDSA (SEC 1) or secp256k1 (32 bytes), as the spec has them.
  explicit ForeignKey(base::ConstBytes protobuf) : type_(static_cast<KeyType>(protobuf[1])) {
    // Type, then data with a length of one or two bytes.
    base::Bytes der = base::to_bytes(protobuf.subspan(protobuf[3] & 0x80 ? 5 : 4));
    if (type_ == KeyType::kSecp256k1) der = secp256k1_to_sec1(der);
    const std::uint8_t* at = der.data();
    const int openssl_type = type_ == KeyType::kRsa ? EVP_PKEY_RSA : EVP_PKEY_EC;
    key_.reset(d2i_PrivateKey(openssl_type, nullptr, &at, static_cast<long>(der.size())), EVP_PKEY_free);
    if (!key_) std::abort();
  }

  KeyType type() const { return type_; }

  /// The PublicKey protobuf, encoded by OpenSSL.
  base::Bytes public_protobuf() const {
    base::Bytes data(static_cast<std::size_t>(i2d_PUBKEY(key_.get(), nullptr)));
    std::uint8_t* at = data.data();
    i2d_PUBKEY(key_.get(), &at);
    if (type_ == KeyType::kSecp256k1) data = compressed_point(data);
    base::Bytes protobuf{0x08, static_cast<std::uint8_t>(type_), 0x12};
    if (data.size() >= 0x80) protobuf.push_back(static_cast<std::uint8_t>(data.size() | 0x80));
    protobuf.push_back(static_cast<std::uint8_t>(data.size() >= 0x80 ? data.size() >> 7 : data.size()));
    base::append(protobuf, data);
    return protobuf;
  }
  PublicKey public_key() const { return PublicKey::from_protobuf(public_protobuf()).value(); }

  base::Bytes sign(base::ConstBytes message) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::size_t size = 0;
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size());
    base::Bytes signature(size);
    if (EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) std::abort();
    signature.resize(size);
    return signature;
  }

 private:
  static base::Bytes secp256k1_to_sec1(base::ConstBytes scalar) {
    base::Bytes der{0x30, 0x2e, 0x02, 0x01, 0x01, 0x04, 0x20};
    base::append(der, scalar);
    base::append(der, base::Bytes{0xa0, 0x07, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a});
    return der;
  }
  /// PKIX ends in the point: 4, x, y.
  static base::Bytes compressed_point(base::ConstBytes pkix) {
    const base::ConstBytes point = pkix.last(65);
    base::Bytes compressed{static_cast<std::uint8_t>(2 + (point.back() & 1))};
    base::append(compressed, point.subspan(1, 32));
    return compressed;
  }

  KeyType type_;
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace multiformats::testing
