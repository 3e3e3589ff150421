// A peer's name: the multihash of its public key (libp2p/specs peer-ids/peer-ids.md).
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "multiformats/keys.h"

#include <array>
#include <compare>
#include <functional>
#include <string>
#include <string_view>

namespace multiformats {

/// Keys of at most this many protobuf bytes are the id themselves (identity multihash); longer ones are hashed.
inline constexpr std::size_t kInlinedKeyBytesMax = 42;
/// Bound on the binary form: identity code, length, key.
inline constexpr std::size_t kPeerIdBytesMax = 2 + kInlinedKeyBytesMax;
/// Bound on the text forms.
inline constexpr std::size_t kPeerIdTextMax = 128;

/// A value, cheap to copy; never allocates but for its text.
class PeerId {
 public:
  /// Names nobody; equal only to another empty one. As a place for an id that is yet to come.
  PeerId() = default;

  static PeerId from_public_key(const PublicKey& key);
  /// The binary form: an identity multihash of at most 42 bytes, or a SHA-256 multihash.
  static base::Result<PeerId> from_bytes(base::ConstBytes bytes);
  /// base58btc (`12D3KooW…`, `Qm…`) or a CIDv1 with the libp2p-key codec in any supported multibase (`bafz…`).
  static base::Result<PeerId> from_text(std::string_view text);

  bool empty() const { return size_ == 0; }
  base::ConstBytes as_bytes() const { return {bytes_.data(), size_}; }
  /// base58btc.
  std::string to_text() const;
  /// CIDv1 in base32.
  std::string to_cid_text() const;
  /// The last 8 characters of to_text(), for logs: the first ones are the same for all Ed25519 peers.
  std::string short_text() const;

  /// The key, where the id holds it: kNotInlined for a hashed one.
  base::Result<PublicKey> public_key() const;
  /// Whether this is the id of `key`.
  bool matches(const PublicKey& key) const { return *this == from_public_key(key); }

  /// Order of the binary forms.
  friend bool operator==(const PeerId& a, const PeerId& b);
  friend std::strong_ordering operator<=>(const PeerId& a, const PeerId& b);

 private:
  explicit PeerId(base::ConstBytes multihash);

  std::array<std::uint8_t, kPeerIdBytesMax> bytes_{};
  std::uint8_t size_ = 0;
};

}  // namespace multiformats

template <>
struct std::hash<multiformats::PeerId> {
  std::size_t operator()(const multiformats::PeerId& id) const noexcept;
};
