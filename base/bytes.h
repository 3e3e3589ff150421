// Byte spans and owned byte strings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace base {

/// Owned bytes, for messages and keys; payload lives in staging memory instead.
using Bytes = std::vector<std::uint8_t>;
/// A view of somebody else's bytes. The caller keeps them alive and unchanged until the call that took the view returns
/// (for a coroutine: until it completes).
using ConstBytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

/// The bytes of a text, without a terminating zero.
inline ConstBytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::string_view as_text(ConstBytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Bytes to_bytes(ConstBytes bytes) { return {bytes.begin(), bytes.end()}; }

inline void append(Bytes& to, ConstBytes more) { to.insert(to.end(), more.begin(), more.end()); }

/// Lower-case hexadecimal.
std::string to_hex(ConstBytes bytes);

/// Big- and little-endian stores and loads; `at` has room for the whole integer.
inline void store_be16(std::uint8_t* at, std::uint16_t v) {
  at[0] = static_cast<std::uint8_t>(v >> 8);
  at[1] = static_cast<std::uint8_t>(v);
}
inline std::uint16_t load_be16(const std::uint8_t* at) { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }
void store_be32(std::uint8_t* at, std::uint32_t v);
std::uint32_t load_be32(const std::uint8_t* at);
void store_le32(std::uint8_t* at, std::uint32_t v);
std::uint32_t load_le32(const std::uint8_t* at);
void store_le64(std::uint8_t* at, std::uint64_t v);
std::uint64_t load_le64(const std::uint8_t* at);

/// Fills `out` from the operating system's random generator; aborts the process if there is none.
void random_bytes(MutableBytes out);

}  // namespace base
