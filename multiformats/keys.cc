#include "multiformats/keys.h"

#include "multiformats/errors.h"
#include "multiformats/pkix.h"
#include "multiformats/pkix_signature.h"
#include "multiformats/varint.h"

#include <sodium.h>

#include <algorithm>

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

// Before main(), and once for the process: libsodium chooses the fastest code for this CPU; without, it works slowly.
[[maybe_unused]] const int kSodiumReady = sodium_init();

base::Result<> check_data(KeyType type, base::ConstBytes data) {
  switch (type) {
    case KeyType::kEd25519:
      if (data.size() != kEd25519PublicBytes) return Errc::kBadKey;
      return {};
    case KeyType::kSecp256k1:
      return check_secp256k1(data);
    case KeyType::kEcdsa:
      return check_ecdsa_pkix(data);
    case KeyType::kRsa:
      return check_rsa_pkix(data);
  }
  return Errc::kUnknownKeyType;
}

bool ed25519_verifies(base::ConstBytes public_key, base::ConstBytes message, base::ConstBytes signature) {
  return signature.size() == kEd25519SignatureBytes &&
         crypto_sign_verify_detached(signature.data(), message.data(), message.size(), public_key.data()) == 0;
}

/// libsodium's form of a private key: the seed, then the public key.
using SigningKey = std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES>;

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
  if (const auto checked = check_data(message->type, message->data); !checked) return checked.error();
  return PublicKey(message->type, base::to_bytes(message->data), base::to_bytes(bytes));
}

base::Result<> PublicKey::verify(base::ConstBytes message, base::ConstBytes signature) const {
  switch (type_) {
    case KeyType::kEd25519:
      if (!ed25519_verifies(data_, message, signature)) return Errc::kBadSignature;
      return {};
    case KeyType::kSecp256k1:
      return verify_pkix(secp256k1_to_pkix(data_), message, signature);
    case KeyType::kEcdsa:
    case KeyType::kRsa:
      break;
  }
  return verify_pkix(data_, message, signature);
}

PrivateKey PrivateKey::generate() {
  std::array<std::uint8_t, kEd25519SeedBytes> seed;
  base::random_bytes(seed);
  PrivateKey key = from_ed25519_seed(seed);
  sodium_memzero(seed.data(), seed.size());
  return key;
}

PrivateKey PrivateKey::from_ed25519_seed(std::span<const std::uint8_t, kEd25519SeedBytes> seed) {
  PrivateKey key;
  SigningKey signing_key;
  std::copy(seed.begin(), seed.end(), key.seed_.begin());
  crypto_sign_seed_keypair(key.public_.data(), signing_key.data(), seed.data());
  sodium_memzero(signing_key.data(), signing_key.size());
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

PrivateKey::~PrivateKey() { sodium_memzero(seed_.data(), seed_.size()); }

PublicKey PrivateKey::public_key() const { return PublicKey::from_ed25519(public_); }

base::Bytes PrivateKey::sign(base::ConstBytes message) const {
  SigningKey signing_key;
  std::copy(public_.begin(), public_.end(), std::copy(seed_.begin(), seed_.end(), signing_key.begin()));
  base::Bytes signature(kEd25519SignatureBytes);
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), signing_key.data());
  sodium_memzero(signing_key.data(), signing_key.size());
  return signature;
}

base::Bytes PrivateKey::to_protobuf() const {
  std::array<std::uint8_t, kEd25519SeedBytes + kEd25519PublicBytes> data;
  std::copy(seed_.begin(), seed_.end(), data.begin());
  std::copy(public_.begin(), public_.end(), data.begin() + kEd25519SeedBytes);
  base::Bytes bytes = encode_key(KeyType::kEd25519, data);
  sodium_memzero(data.data(), data.size());
  return bytes;
}

}  // namespace multiformats
