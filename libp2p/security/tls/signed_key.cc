#include "libp2p/security/tls/signed_key.h"

#include "libp2p/core/error.h"

#include <optional>

namespace libp2p::tls {

namespace {

constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kOctetString = 0x04;

void append_value(base::Bytes& to, std::uint8_t tag, base::ConstBytes content) {
  to.push_back(tag);
  if (content.size() >= 0x100) {
    to.push_back(0x82);
    to.push_back(static_cast<std::uint8_t>(content.size() >> 8));
  } else if (content.size() >= 0x80) {
    to.push_back(0x81);
  }
  to.push_back(static_cast<std::uint8_t>(content.size()));
  base::append(to, content);
}

/// Takes one value off the front of `bytes`; lengths have DER's one encoding, of at most two bytes.
std::optional<base::ConstBytes> take_value(base::ConstBytes& bytes, std::uint8_t tag) {
  if (bytes.size() < 2 || bytes[0] != tag) return std::nullopt;
  std::size_t size = bytes[1];
  std::size_t header = 2;
  if (size >= 0x80) {
    const std::size_t count = size & 0x7f;
    if (count < 1 || count > 2 || bytes.size() < header + count) return std::nullopt;
    size = count == 1 ? bytes[2] : base::load_be16(bytes.data() + 2);
    if (size < (count == 1 ? 0x80U : 0x100U)) return std::nullopt;
    header += count;
  }
  if (bytes.size() - header < size) return std::nullopt;
  const base::ConstBytes content = bytes.subspan(header, size);
  bytes = bytes.subspan(header + size);
  return content;
}

}  // namespace

base::Bytes signed_bytes(base::ConstBytes subject_public_key) {
  base::Bytes bytes = base::to_bytes(base::as_bytes("libp2p-tls-handshake:"));
  base::append(bytes, subject_public_key);
  return bytes;
}

base::Bytes make_signed_key(const multiformats::PrivateKey& identity, base::ConstBytes subject_public_key) {
  base::Bytes content;
  append_value(content, kOctetString, identity.public_key().to_protobuf());
  append_value(content, kOctetString, identity.sign(signed_bytes(subject_public_key)));
  base::Bytes bytes;
  append_value(bytes, kSequence, content);
  return bytes;
}

base::Result<SignedKey> parse_signed_key(base::ConstBytes bytes) {
  if (bytes.size() > kSignedKeyMaxBytes) return Error::kMalformedMessage;
  auto sequence = take_value(bytes, kSequence);
  if (!sequence || !bytes.empty()) return Error::kMalformedMessage;
  const auto key_bytes = take_value(*sequence, kOctetString);
  if (!key_bytes) return Error::kMalformedMessage;
  const auto signature = take_value(*sequence, kOctetString);
  if (!signature || !sequence->empty()) return Error::kMalformedMessage;
  if (signature->empty() || signature->size() > kSignatureMaxBytes) return Error::kMalformedMessage;
  auto key = multiformats::PublicKey::from_protobuf(*key_bytes);
  if (!key) return Error::kMalformedMessage;
  return SignedKey{std::move(*key), base::to_bytes(*signature)};
}

base::Result<> verify_signed_key(const SignedKey& key, base::ConstBytes subject_public_key) {
  if (!key.public_key.verify(signed_bytes(subject_public_key), key.signature)) return Error::kBadSignature;
  return {};
}

}  // namespace libp2p::tls
