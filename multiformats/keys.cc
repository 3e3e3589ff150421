#include "multiformats/keys.h"

#include "multiformats/errors.h"
#include "multiformats/varint.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace multiformats {

namespace {

// Protobuf tags: field 1 as a varint, field 2 as bytes.
constexpr std::uint8_t kTypeTag = 0x08;
constexpr std::uint8_t kDataTag = 0x12;

base::Bytes encode_key(KeyType type, base::ConstBytes data) {
  base::Bytes bytes{kTypeTag, static_cast<std::uint8_t>(type), kDataTag};
  append_uvarint(bytes, data.size());
  base::append(bytes, data);
  return bytes;
}

struct KeyMessage {
  KeyType type;
  base::ConstBytes data;  // inside the bytes that were read
};

// Reads what encode_key() writes and nothing else, so that a key has one encoding and one peer id.
base::Result<KeyMessage> decode_key(base::ConstBytes bytes) {
  if (bytes.size() < 4 || bytes[0] != kTypeTag || bytes[2] != kDataTag) return Errc::kBadProtobuf;
  if (bytes[1] > static_cast<std::uint8_t>(KeyType::kEcdsa)) return Errc::kUnknownKeyType;
  const auto type = static_cast<KeyType>(bytes[1]);
  bytes = bytes.subspan(3);
  const auto length = read_uvarint(bytes);
  if (!length || bytes.size() - length->size != length->value) return Errc::kBadProtobuf;
  return KeyMessage{type, bytes.subspan(length->size)};
}

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using EvpKey = std::unique_ptr<EVP_PKEY, FreeKey>;
using EvpDigest = std::unique_ptr<EVP_MD_CTX, FreeDigest>;

EvpKey ed25519_private(base::ConstBytes seed) {
  EvpKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  if (!key) std::abort();  // any 32 bytes are a seed: out of memory, or an OpenSSL without Ed25519
  return key;
}

bool ed25519_verifies(base::ConstBytes public_key, base::ConstBytes message, base::ConstBytes signature) {
  EvpKey key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, public_key.data(), public_key.size()));
  EvpDigest context(EVP_MD_CTX_new());
  return key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

}  // namespace

PublicKey::PublicKey(KeyType type, base::Bytes data, base::Bytes protobuf)
    : type_(type), data_(std::move(data)), protobuf_(std::move(protobuf)) {}

PublicKey PublicKey::from_ed25519(std::span<const std::uint8_t, kEd25519PublicBytes> key) {
  return PublicKey(KeyType::kEd25519, base::to_bytes(key), encode_key(KeyType::kEd25519, key));
}

base::Result<PublicKey> PublicKey::from_protobuf(base::ConstBytes bytes) {
  if (bytes.size() > kPublicKeyBytesMax) return Errc::kTooLong;
  const auto message = decode_key(bytes);
  if (!message) return message.error();
  if (message->data.empty()) return Errc::kBadKey;
  if (message->type == KeyType::kEd25519 && message->data.size() != kEd25519PublicBytes) return Errc::kBadKey;
  return PublicKey(message->type, base::to_bytes(message->data), base::to_bytes(bytes));
}

base::Result<> PublicKey::verify(base::ConstBytes message, base::ConstBytes signature) const {
  switch (type_) {
    case KeyType::kEd25519:
      if (!ed25519_verifies(data_, message, signature)) return Errc::kBadSignature;
      return {};
    case KeyType::kRsa:
    case KeyType::kSecp256k1:
    case KeyType::kEcdsa:
      break;
  }
  return Errc::kUnsupportedKeyType;
}

PrivateKey PrivateKey::generate() {
  std::array<std::uint8_t, kEd25519SeedBytes> seed;
  base::random_bytes(seed);
  PrivateKey key = from_ed25519_seed(seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return key;
}

PrivateKey PrivateKey::from_ed25519_seed(std::span<const std::uint8_t, kEd25519SeedBytes> seed) {
  PrivateKey key;
  std::copy(seed.begin(), seed.end(), key.seed_.begin());
  std::size_t size = key.public_.size();
  if (EVP_PKEY_get_raw_public_key(ed25519_private(seed).get(), key.public_.data(), &size) != 1) std::abort();
  return key;
}

base::Result<PrivateKey> PrivateKey::from_protobuf(base::ConstBytes bytes) {
  if (bytes.size() > kPrivateKeyBytesMax) return Errc::kTooLong;
  const auto message = decode_key(bytes);
  if (!message) return message.error();
  if (message->type != KeyType::kEd25519) return Errc::kUnsupportedKeyType;
  const base::ConstBytes data = message->data;
  if (data.size() != 64 && data.size() != 96) return Errc::kBadKey;
  PrivateKey key = from_ed25519_seed(data.first<kEd25519SeedBytes>());
  for (std::size_t at = kEd25519SeedBytes; at < data.size(); at += kEd25519PublicBytes) {
    if (!std::ranges::equal(data.subspan(at, kEd25519PublicBytes), key.public_)) return Errc::kBadKey;
  }
  return key;
}

PrivateKey::~PrivateKey() { OPENSSL_cleanse(seed_.data(), seed_.size()); }

PublicKey PrivateKey::public_key() const { return PublicKey::from_ed25519(public_); }

base::Bytes PrivateKey::sign(base::ConstBytes message) const {
  base::Bytes signature(kEd25519SignatureBytes);
  std::size_t size = signature.size();
  const EvpKey key = ed25519_private(seed_);
  EvpDigest context(EVP_MD_CTX_new());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
    std::abort();
  }
  return signature;
}

base::Bytes PrivateKey::to_protobuf() const {
  std::array<std::uint8_t, kEd25519SeedBytes + kEd25519PublicBytes> data;
  std::copy(seed_.begin(), seed_.end(), data.begin());
  std::copy(public_.begin(), public_.end(), data.begin() + kEd25519SeedBytes);
  base::Bytes bytes = encode_key(KeyType::kEd25519, data);
  OPENSSL_cleanse(data.data(), data.size());
  return bytes;
}

}  // namespace multiformats
