// Key protobufs, multihashes and peer ids from peers.
#include "multiformats/keys.h"
#include "multiformats/multihash.h"
#include "multiformats/peer_id.h"
#include "multiformats/varint.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <memory>

using multiformats::PeerId;
using multiformats::PublicKey;

namespace {

void require(bool ok) {
  if (!ok) std::abort();
}

void check(const PeerId& id) {
  require(!id.empty());
  require(PeerId::from_bytes(id.as_bytes()).value() == id);
  require(PeerId::from_text(id.to_cid_text()).value() == id);
  require(PeerId::from_text(id.to_text()).value() == id);
  if (const auto key = id.public_key()) require(id.matches(*key));
}

// A key has one encoding: OpenSSL, which reads many, writes the one that was taken.
void check_pkix(const PublicKey& key) {
  const base::Bytes& der = key.data();
  const std::uint8_t* at = der.data();
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> read(
      d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())), EVP_PKEY_free);
  ERR_clear_error();
  if (!read) return;  // a point that is not on its curve
  base::Bytes written(static_cast<std::size_t>(i2d_PUBKEY(read.get(), nullptr)));
  std::uint8_t* out = written.data();
  i2d_PUBKEY(read.get(), &out);
  require(written == der);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ConstBytes bytes(data, size);
  if (const auto number = multiformats::read_uvarint(bytes)) {
    base::Bytes encoded;
    multiformats::append_uvarint(encoded, number->value);
    require(encoded == base::to_bytes(bytes.first(number->size)));
  }
  if (const auto hash = multiformats::parse_multihash(bytes)) {
    require(multiformats::encode_multihash(*hash) == base::to_bytes(bytes));
  }
  if (const auto key = PublicKey::from_protobuf(bytes)) {
    require(key->to_protobuf() == base::to_bytes(bytes));
    require(!key->verify(bytes, base::Bytes(64)));
    require(!key->verify(bytes.first(size / 2), bytes.subspan(size / 2)));
    require(ERR_peek_error() == 0);
    using multiformats::KeyType;
    if (key->type() == KeyType::kRsa || key->type() == KeyType::kEcdsa) check_pkix(*key);
    check(PeerId::from_public_key(*key));
  }
  if (const auto key = multiformats::PrivateKey::from_protobuf(bytes)) {
    require(multiformats::PrivateKey::from_protobuf(key->to_protobuf()).value().public_key() == key->public_key());
  }
  if (const auto id = PeerId::from_bytes(bytes)) check(*id);
  if (const auto id = PeerId::from_text(base::as_text(bytes))) check(*id);
  return 0;
}
