#include "libp2p/security/tls/post_handshake.h"

#include "base/log.h"
#include "libp2p/core/error.h"

#include <openssl/ssl.h>

#include <utility>

namespace libp2p::tls {

namespace {

constexpr std::uint8_t kNewSessionTicket = 4;
constexpr std::uint8_t kKeyUpdate = 24;
constexpr std::size_t kMessageHeaderBytes = 4;

constexpr std::size_t kAlertBytes = 2;
constexpr std::uint8_t kCloseNotify = 0;
constexpr std::uint8_t kUserCanceled = 90;

}  // namespace

base::Result<bool> PostHandshake::take_handshake(base::ConstBytes content) {
  // An empty fragment is forbidden (section 5.1).
  if (content.empty()) return Error::kProtocolViolation;
  base::append(partial_, content);
  base::ConstBytes rest = partial_;
  while (rest.size() >= kMessageHeaderBytes) {
    const std::uint8_t type = rest[0];
    const std::size_t size = std::size_t{rest[1]} << 16 | base::load_be16(rest.data() + 2);
    if (size > kPostHandshakeMessageMaxBytes) return Error::kProtocolViolation;
    if (type != kNewSessionTicket && type != kKeyUpdate) return Error::kProtocolViolation;
    if (type == kKeyUpdate && size != 1) return Error::kProtocolViolation;
    if (rest.size() < kMessageHeaderBytes + size) break;
    const base::ConstBytes body = rest.subspan(kMessageHeaderBytes, size);
    rest = rest.subspan(kMessageHeaderBytes + size);
    if (type == kNewSessionTicket) continue;
    // What follows is under the new key: nothing may stand behind it in its record.
    if (!rest.empty() || body[0] > 1) return Error::kProtocolViolation;
    key_request_ = key_request_ || body[0] == 1;
    partial_ = base::Bytes();
    return true;
  }
  partial_ = base::to_bytes(rest);
  return false;
}

base::Result<> PostHandshake::take_alert(base::ConstBytes content) {
  if (content.size() != kAlertBytes) return Error::kProtocolViolation;
  const std::uint8_t what = content[1];
  if (what == kCloseNotify) ended_ = true;
  if (what == kCloseNotify || what == kUserCanceled) return {};
  // Whoever uses the connection learns only that it has gone.
  LOG_WARN("TLS: the peer has ended the connection: {}", SSL_alert_desc_string_long(what));
  return Error::kReset;
}

bool PostHandshake::take_key_request() { return std::exchange(key_request_, false); }

}  // namespace libp2p::tls
