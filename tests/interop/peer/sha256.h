// SHA-256 of bytes that come piece by piece.
#pragma once

#include "base/bytes.h"

#include <memory>

struct evp_md_ctx_st;

namespace interop {

inline constexpr std::size_t kSha256Bytes = 32;

class Sha256 {
 public:
  Sha256();
  void update(base::ConstBytes bytes);
  /// REQUIRES: called once, last.
  base::Bytes finish();

 private:
  struct Deleter {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Deleter> context_;
};

}  // namespace interop
