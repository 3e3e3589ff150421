#include "libp2p/core/error.h"

#include <string>

namespace libp2p {

namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "libp2p"; }
  std::string message(int code) const override {
    switch (static_cast<Error>(code)) {
      case Error::kUnexpectedEof:
        return "the stream ended in the middle of a message";
      case Error::kReset:
        return "the stream was reset";
      case Error::kConnectionClosed:
        return "the connection is closed";
      case Error::kTimeout:
        return "timed out: the peer did not answer in time";
      case Error::kMessageTooLong:
        return "the peer sent a message longer than allowed";
      case Error::kMalformedMessage:
        return "the peer sent a message that cannot be parsed";
      case Error::kProtocolNotSupported:
        return "the peer speaks none of the protocols proposed";
      case Error::kHandshakeFailed:
        return "the security handshake failed";
      case Error::kPeerIdMismatch:
        return "the peer is not the one dialled; check the peer id in its address";
      case Error::kBadSignature:
        return "the peer's signature over its handshake key is wrong";
      case Error::kProtocolViolation:
        return "the peer broke the protocol's rules";
      case Error::kTooManyStreams:
        return "too many streams are open on this connection";
      case Error::kTooManyConnections:
        return "too many connections are open";
      case Error::kUnsupportedAddress:
        return "no transport for this address; use /ip4, /ip6 or /dns with /tcp";
      case Error::kNotConnected:
        return "no connection to this peer and no address to dial";
      case Error::kRefused:
        return "the peer refused";
      case Error::kClosing:
        return "this node is shutting down";
      case Error::kDialToSelf:
        return "this address leads to this node itself";
      case Error::kDialBackoff:
        return "dialling this peer has failed a short time ago; Host::backoff_until() tells when to try again";
      case Error::kNameNotFound:
        return "the name in this address does not exist, or leads to no address";
      case Error::kNameLookupFailed:
        return "the name servers could not answer; check the system's resolv.conf";
      case Error::kDenied:
        return "this node is configured to have nothing to do with that peer or address";
      case Error::kBadAddressRange:
        return "not a range of addresses; write it as 10.0.0.0/8 or 2001:db8::/32, with no bits set behind the prefix";
      case Error::kNotInPrivateNetwork:
        return "the peer has not shown that it is in this private network: give both nodes the same network key; if "
               "they have it, the peer refuses connections";
      case Error::kBadNetworkKey:
        return "not the key of a private network: three lines, /key/swarm/psk/1.0.0/, /base16/ and 64 hex digits, as "
               "openssl rand -hex 32 makes them";
      case Error::kNetworkKeyUnreadable:
        return "the network key's file cannot be read: check its name and owner";
      case Error::kNetworkKeyExposed:
        return "the network key's file may be read or written by other users: run chmod 600 on it";
    }
    return "unknown libp2p error";
  }
};

}  // namespace

base::Error make_error_code(Error error) {
  static const Category category;
  return {static_cast<int>(error), category};
}

}  // namespace libp2p
