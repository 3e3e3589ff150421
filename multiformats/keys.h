// Host keys as libp2p encodes them (libp2p/specs peer-ids/peer-ids.md). Values; nothing here is shared or locked.
//
// A key's protobuf bytes are hashed and signed, so a key read from a peer keeps the bytes that it came in.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <array>

namespace multiformats {

enum class KeyType : std::uint8_t { kRsa = 0, kEd25519 = 1, kSecp256k1 = 2, kEcdsa = 3 };

/// Bound on a key's protobuf; an RSA key of 8,192 bits takes about 1,050 bytes.
inline constexpr std::size_t kPublicKeyBytesMax = 2048;
inline constexpr std::size_t kPrivateKeyBytesMax = 8192;
inline constexpr std::size_t kEd25519PublicBytes = 32;
inline constexpr std::size_t kEd25519SeedBytes = 32;
inline constexpr std::size_t kEd25519SignatureBytes = 64;

class PublicKey {
 public:
  /// An Ed25519 key from its 32 bytes.
  static PublicKey from_ed25519(std::span<const std::uint8_t, kEd25519PublicBytes> key);

  /// Reads a PublicKey protobuf of any known type, encoded by the spec's rules (both fields, in order, minimal, nothing
  /// else). The key data must have its type's one encoding and be within its bounds (see pkix.h): kBadKey, kBadKeySize.
  /// Cheap; whether a point lies on its curve is seen by verify().
  static base::Result<PublicKey> from_protobuf(base::ConstBytes bytes);

  KeyType type() const { return type_; }
  /// The key in its type's own encoding.
  const base::Bytes& data() const { return data_; }
  /// The protobuf: as received, or encoded by the spec's rules.
  const base::Bytes& to_protobuf() const { return protobuf_; }

  /// Success, or kBadSignature; kBadKey if no signature can be this key's. Ed25519 as RFC 8032 has it; ECDSA and
  /// secp256k1: DER, over SHA-256, either of the two `s` that fit; RSA: PKCS#1 v1.5, over SHA-256.
  base::Result<> verify(base::ConstBytes message, base::ConstBytes signature) const;

  friend bool operator==(const PublicKey& a, const PublicKey& b) { return a.protobuf_ == b.protobuf_; }

 private:
  PublicKey(KeyType type, base::Bytes data, base::Bytes protobuf);

  KeyType type_;
  base::Bytes data_;
  base::Bytes protobuf_;
};

/// An Ed25519 private key, wiped from memory when destroyed.
class PrivateKey {
 public:
  static PrivateKey generate();
  /// The key that a 32-byte seed (RFC 8032's private key) makes.
  static PrivateKey from_ed25519_seed(std::span<const std::uint8_t, kEd25519SeedBytes> seed);
  /// Reads a PrivateKey protobuf: 64 bytes of data (seed, public key) or the older 96 (public key twice). kBadKey if
  /// the public half does not belong to the seed, kUnsupportedKeyType for types other than Ed25519.
  static base::Result<PrivateKey> from_protobuf(base::ConstBytes bytes);

  PrivateKey(const PrivateKey&) = default;
  PrivateKey& operator=(const PrivateKey&) = default;
  ~PrivateKey();

  KeyType type() const { return KeyType::kEd25519; }
  PublicKey public_key() const;
  base::Bytes sign(base::ConstBytes message) const;
  /// The protobuf in its 64-byte form. Secret: the caller wipes it.
  base::Bytes to_protobuf() const;

 private:
  PrivateKey() = default;

  std::array<std::uint8_t, kEd25519SeedBytes> seed_{};
  std::array<std::uint8_t, kEd25519PublicBytes> public_{};
};

}  // namespace multiformats
