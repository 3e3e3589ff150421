// The errors of multiformats/: one enum, one category.
#pragma once

#include "base/result.h"

#include <type_traits>

namespace multiformats {

enum class Errc {
  kIncomplete = 1,    ///< a varint goes on beyond the bytes given: a stream reader reads more and tries again
  kVarintTooLong,     ///< more than 9 bytes
  kVarintNotMinimal,  ///< a shorter encoding of the same number exists
  kTooLong,           ///< over the bound of its kind
  kEmpty,
  kBadCharacter,   ///< a character that the encoding does not have
  kBadPadding,     ///< left-over bits that are not zero, or a length that no bytes encode to
  kUnknownBase,    ///< a multibase prefix that is not supported
  kTruncated,      ///< the bytes end inside a value
  kTrailingBytes,  ///< bytes follow where the value should end
  kUnknownHash,    ///< a multihash that is neither identity nor SHA-256
  kBadDigestLength,
  kBadProtobuf,
  kUnknownKeyType,      ///< no KeyType
  kUnsupportedKeyType,  ///< a private key of another type than Ed25519
  kBadKey,              ///< not a key, or not encoded as its type's keys are
  kBadKeySize,          ///< an RSA key outside the bounds of pkix.h
  kBadSignature,
  kNotInlined,       ///< a peer id that is a hash: the key cannot be read from it
  kBadCid,           ///< a CID that is not a libp2p key's
  kUnknownProtocol,  ///< a multiaddr protocol that is not in the table
  kBadAddressValue,  ///< a multiaddr component whose value does not fit its protocol
  kMissingSlash,
  kTooManyComponents,
  kKeyFileReadableByOthers,
  kKeyFileNotRegular,
  kKeyFileUnreadable,
  kKeyFileUnwritable,
  kKeyFileCorrupt,
};

const boost::system::error_category& error_category();

inline boost::system::error_code make_error_code(Errc e) { return {static_cast<int>(e), error_category()}; }

}  // namespace multiformats

template <>
struct boost::system::is_error_code_enum<multiformats::Errc> : std::true_type {};
