// Incremental SHA-256 whose inputs cannot run into each other. For kv/ only.
#pragma once

#include "base/bytes.h"

#include <array>
#include <memory>
#include <string_view>

struct evp_md_ctx_st;

namespace kvp2p {

using Sha256Digest = std::array<std::uint8_t, 32>;

/// Not thread-safe. finish() may be followed by another start().
class Sha256 {
 public:
  Sha256();
  ~Sha256();

  /// Begins a digest. `domain` names what is hashed and ends with a newline, so that none is the beginning of another;
  /// empty for the plain SHA-256 of a file, or where the caller puts the domain in front itself.
  void start(std::string_view domain);
  void add(base::ConstBytes bytes);
  void add_u8(std::uint8_t value) { add({&value, 1}); }
  void add_le32(std::uint32_t value);
  void add_le64(std::uint64_t value);
  /// The length as little-endian 32-bit, then the text.
  void add_text(std::string_view text);
  Sha256Digest finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace kvp2p
