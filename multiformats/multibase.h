// Bytes as text (multiformats/multibase): the bases that libp2p uses. Pure functions.
//
// Decoding is strict: no padding, no characters outside the alphabet, left-over bits zero; bases 16, 32 and 36 are read
// in either case. Every decode is bounded: bases 36 and 58 take time that grows with the square of the length.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <string>
#include <string_view>

namespace multiformats {

enum class Base : char {
  kBase16 = 'f',     ///< hexadecimal, lower case
  kBase32 = 'b',     ///< RFC 4648, lower case, no padding
  kBase36 = 'k',     ///< digits and lower-case letters
  kBase58Btc = 'z',  ///< Bitcoin's alphabet
  kBase64Url = 'u',  ///< RFC 4648 URL alphabet, no padding
};

/// Bounds on the characters that decode_base() and the bytes that encode_base() takes; the first two for bases 36
/// and 58.
inline constexpr std::size_t kBase58TextMax = 512;
inline constexpr std::size_t kBase58BytesMax = 370;
inline constexpr std::size_t kBaseTextMax = 65536;
inline constexpr std::size_t kBaseBytesMax = 32768;

/// Text of `bytes`, without a multibase prefix. REQUIRES: at most kBase58BytesMax for bases 36 and 58, kBaseBytesMax
/// else.
std::string encode_base(Base base, base::ConstBytes bytes);
/// Bytes of a text without a multibase prefix.
base::Result<base::Bytes> decode_base(Base base, std::string_view text);

/// The same with the one-character prefix that names the base. REQUIRES as encode_base().
std::string encode_multibase(Base base, base::ConstBytes bytes);
base::Result<base::Bytes> decode_multibase(std::string_view text);

}  // namespace multiformats
