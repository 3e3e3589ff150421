#include "multiformats/peer_id.h"

#include "multiformats/errors.h"
#include "multiformats/multibase.h"
#include "multiformats/multihash.h"
#include "multiformats/varint.h"

#include <algorithm>
#include <cassert>

namespace multiformats {

namespace {

constexpr std::uint64_t kCidVersion = 1;
constexpr std::uint64_t kLibp2pKeyCodec = 0x72;
constexpr std::size_t kShortTextChars = 8;

base::Result<base::ConstBytes> skip_uvarint(base::ConstBytes bytes, std::uint64_t expected) {
  const auto number = read_uvarint(bytes);
  if (!number || number->value != expected) return Errc::kBadCid;
  return bytes.subspan(number->size);
}

}  // namespace

PeerId::PeerId(base::ConstBytes multihash) : size_(static_cast<std::uint8_t>(multihash.size())) {
  assert(!multihash.empty() && multihash.size() <= bytes_.size());
  std::ranges::copy(multihash, bytes_.begin());
}

PeerId PeerId::from_public_key(const PublicKey& key) {
  const base::Bytes& protobuf = key.to_protobuf();
  const auto code = protobuf.size() <= kInlinedKeyBytesMax ? HashCode::kIdentity : HashCode::kSha256;
  return PeerId(encode_multihash(make_multihash(code, protobuf)));
}

base::Result<PeerId> PeerId::from_bytes(base::ConstBytes bytes) {
  const auto hash = parse_multihash(bytes);
  if (!hash) return hash.error();
  if (hash->digest.empty()) return Errc::kBadDigestLength;
  if (hash->digest.size() > kInlinedKeyBytesMax) return Errc::kTooLong;
  return PeerId(bytes);
}

base::Result<PeerId> PeerId::from_text(std::string_view text) {
  if (text.empty()) return Errc::kEmpty;
  if (text.size() > kPeerIdTextMax) return Errc::kTooLong;
  if (text.starts_with('1') || text.starts_with("Qm")) {
    const auto bytes = decode_base(Base::kBase58Btc, text);
    if (!bytes) return bytes.error();
    return from_bytes(*bytes);
  }
  const auto cid = decode_multibase(text);
  if (!cid) return cid.error();
  const auto after_version = skip_uvarint(*cid, kCidVersion);
  if (!after_version) return after_version.error();
  const auto multihash = skip_uvarint(*after_version, kLibp2pKeyCodec);
  if (!multihash) return multihash.error();
  return from_bytes(*multihash);
}

std::string PeerId::to_text() const { return encode_base(Base::kBase58Btc, as_bytes()); }

std::string PeerId::to_cid_text() const {
  base::Bytes cid;
  append_uvarint(cid, kCidVersion);
  append_uvarint(cid, kLibp2pKeyCodec);
  base::append(cid, as_bytes());
  return encode_multibase(Base::kBase32, cid);
}

std::string PeerId::short_text() const {
  const std::string text = to_text();
  return text.substr(text.size() - std::min(text.size(), kShortTextChars));
}

base::Result<PublicKey> PeerId::public_key() const {
  const auto hash = parse_multihash(as_bytes());
  if (!hash || hash->code != HashCode::kIdentity) return Errc::kNotInlined;
  return PublicKey::from_protobuf(hash->digest);
}

bool operator==(const PeerId& a, const PeerId& b) { return std::ranges::equal(a.as_bytes(), b.as_bytes()); }

std::strong_ordering operator<=>(const PeerId& a, const PeerId& b) {
  const auto x = a.as_bytes();
  const auto y = b.as_bytes();
  return std::lexicographical_compare_three_way(x.begin(), x.end(), y.begin(), y.end());
}

}  // namespace multiformats

std::size_t std::hash<multiformats::PeerId>::operator()(const multiformats::PeerId& id) const noexcept {
  return std::hash<std::string_view>()(base::as_text(id.as_bytes()));
}
