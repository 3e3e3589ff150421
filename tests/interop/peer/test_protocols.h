// The protocols of the interop tests (README.md): echo and digest, both sides.
#pragma once

#include "base/signal.h"
#include "libp2p/core/stream.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace interop {

inline constexpr std::string_view kEchoProtocol = "/kvp2p-test/echo/1.0.0";
inline constexpr std::string_view kDigestProtocol = "/kvp2p-test/digest/1.0.0";

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

/// What came of sending `bytes` random bytes while reading the answer to its end.
struct Exchange {
  std::uint64_t bytes_received = 0;
  base::Bytes sent_digest;
  base::Bytes received_digest;
  /// The first of what was received, to read a short answer by.
  base::Bytes received_head;
};

/// Echoes until the other side closes. Whether the stream ended as it should.
base::Task<base::Result<>> serve_echo(std::unique_ptr<libp2p::Stream> stream);
/// Answers, after the other side has closed, with the SHA-256 of what it sent.
base::Task<base::Result<>> serve_digest(std::unique_ptr<libp2p::Stream> stream);
/// The other side of both.
base::Task<base::Result<Exchange>> exchange_random(std::unique_ptr<libp2p::Stream> stream, std::uint64_t bytes);
/// Sends something, waits until it is answered, and resets the stream.
base::Task<base::Result<>> send_and_reset(std::unique_ptr<libp2p::Stream> stream);

}  // namespace interop
