// What comes between application data once the handshake is over (RFC 8446, sections 4.6 and 6): key updates, tickets,
// alerts. Pure: bytes in, what to do out.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstddef>

namespace libp2p::tls {

/// Bound on a message after the handshake: session tickets, which we do not use.
inline constexpr std::size_t kPostHandshakeMessageMaxBytes = 16 * 1024;

/// Not thread-safe.
class PostHandshake {
 public:
  /// Takes the content of a handshake record; messages may span several. Returns whether the other side's key changes
  /// with the next record. Error::kProtocolViolation for messages that have no place here or are malformed.
  base::Result<bool> take_handshake(base::ConstBytes content);

  /// Takes the content of an alert record. Error::kReset if it ends the connection, Error::kProtocolViolation if it is
  /// none.
  base::Result<> take_alert(base::ConstBytes content);

  /// A message has begun: only its rest may come now.
  bool inside_message() const { return !partial_.empty(); }
  /// close_notify has come.
  bool ended() const { return ended_; }
  /// Whether the other side has asked for our key to change, since the last call.
  bool take_key_request();

 private:
  base::Bytes partial_;  ///< the beginning of a message
  bool ended_ = false;
  bool key_request_ = false;
};

}  // namespace libp2p::tls
