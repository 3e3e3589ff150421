#include "multiformats/multibase.h"

#include "multiformats/errors.h"

#include <algorithm>
#include <cassert>
#include <optional>

namespace multiformats {

namespace {

struct Alphabet {
  std::string_view digits;
  int bits;  ///< bits a digit stands for; 0 for a base that is no power of two
  bool any_case;
};

std::optional<Alphabet> alphabet_of(Base base) {
  switch (base) {
    case Base::kBase16:
      return Alphabet{"0123456789abcdef", 4, true};
    case Base::kBase32:
      return Alphabet{"abcdefghijklmnopqrstuvwxyz234567", 5, true};
    case Base::kBase36:
      return Alphabet{"0123456789abcdefghijklmnopqrstuvwxyz", 0, true};
    case Base::kBase58Btc:
      return Alphabet{"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", 0, false};
    case Base::kBase64Url:
      return Alphabet{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6, false};
  }
  return std::nullopt;
}

std::optional<std::uint8_t> digit_of(const Alphabet& alphabet, char c) {
  if (alphabet.any_case && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  const std::size_t at = alphabet.digits.find(c);
  if (at == std::string_view::npos) return std::nullopt;
  return static_cast<std::uint8_t>(at);
}

std::string encode_bits(const Alphabet& alphabet, base::ConstBytes bytes) {
  assert(alphabet.bits > 0);
  std::string text;
  text.reserve((bytes.size() * 8 + alphabet.bits - 1) / alphabet.bits);
  const std::uint32_t mask = (1u << alphabet.bits) - 1;
  std::uint32_t pending = 0;
  int pending_bits = 0;
  for (std::uint8_t byte : bytes) {
    pending = (pending << 8 | byte) & 0xffff;
    for (pending_bits += 8; pending_bits >= alphabet.bits;) {
      pending_bits -= alphabet.bits;
      text.push_back(alphabet.digits[pending >> pending_bits & mask]);
    }
  }
  if (pending_bits > 0) text.push_back(alphabet.digits[pending << (alphabet.bits - pending_bits) & mask]);
  return text;
}

base::Result<base::Bytes> decode_bits(const Alphabet& alphabet, std::string_view text) {
  base::Bytes bytes;
  bytes.reserve(text.size() * alphabet.bits / 8);
  std::uint32_t pending = 0;
  int pending_bits = 0;
  for (char c : text) {
    const auto digit = digit_of(alphabet, c);
    if (!digit) return Errc::kBadCharacter;
    pending = (pending << alphabet.bits | *digit) & 0xffff;
    pending_bits += alphabet.bits;
    if (pending_bits >= 8) {
      pending_bits -= 8;
      bytes.push_back(static_cast<std::uint8_t>(pending >> pending_bits));
    }
  }
  // A whole digit left over, or one with bits that no byte had: no encoder writes that.
  if (pending_bits >= alphabet.bits || (pending & ((1u << pending_bits) - 1)) != 0) return Errc::kBadPadding;
  return bytes;
}

// Writes the number whose digits in base `from`, most significant first, are `digits` in base `to`. Zeros at the front
// carry no value and are kept one for one. Quadratic.
base::Bytes change_radix(base::ConstBytes digits, std::uint32_t from, std::uint32_t to) {
  const auto first = std::find_if(digits.begin(), digits.end(), [](std::uint8_t d) { return d != 0; });
  const std::size_t zeros = first - digits.begin();
  base::Bytes result;  // least significant first
  for (auto digit = first; digit != digits.end(); ++digit) {
    std::uint32_t carry = *digit;
    for (std::uint8_t& r : result) {
      carry += r * from;
      r = static_cast<std::uint8_t>(carry % to);
      carry /= to;
    }
    for (; carry > 0; carry /= to) result.push_back(static_cast<std::uint8_t>(carry % to));
  }
  result.insert(result.end(), zeros, 0);
  std::reverse(result.begin(), result.end());
  return result;
}

std::uint32_t radix_of(const Alphabet& alphabet) { return static_cast<std::uint32_t>(alphabet.digits.size()); }

std::string encode_number(const Alphabet& alphabet, base::ConstBytes bytes) {
  std::string text;
  for (std::uint8_t digit : change_radix(bytes, 256, radix_of(alphabet))) text.push_back(alphabet.digits[digit]);
  return text;
}

base::Result<base::Bytes> decode_number(const Alphabet& alphabet, std::string_view text) {
  base::Bytes digits;
  digits.reserve(text.size());
  for (char c : text) {
    const auto digit = digit_of(alphabet, c);
    if (!digit) return Errc::kBadCharacter;
    digits.push_back(*digit);
  }
  return change_radix(digits, radix_of(alphabet), 256);
}

}  // namespace

std::string encode_base(Base base, base::ConstBytes bytes) {
  const auto alphabet = alphabet_of(base);
  assert(alphabet);
  assert(bytes.size() <= (alphabet->bits ? kBaseBytesMax : kBase58BytesMax));
  return alphabet->bits ? encode_bits(*alphabet, bytes) : encode_number(*alphabet, bytes);
}

base::Result<base::Bytes> decode_base(Base base, std::string_view text) {
  const auto alphabet = alphabet_of(base);
  if (!alphabet) return Errc::kUnknownBase;
  if (text.size() > (alphabet->bits ? kBaseTextMax : kBase58TextMax)) return Errc::kTooLong;
  return alphabet->bits ? decode_bits(*alphabet, text) : decode_number(*alphabet, text);
}

std::string encode_multibase(Base base, base::ConstBytes bytes) {
  return static_cast<char>(base) + encode_base(base, bytes);
}

base::Result<base::Bytes> decode_multibase(std::string_view text) {
  if (text.empty()) return Errc::kEmpty;
  return decode_base(static_cast<Base>(text.front()), text.substr(1));
}

}  // namespace multiformats
