// The identify message: what a node tells of itself (libp2p/specs identify/README.md). Pure functions.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "multiformats/multiaddr.h"

#include <optional>
#include <string>
#include <vector>

namespace libp2p {

/// One message, its length prefix not counted. What a peer tells may come in several of them.
inline constexpr std::size_t kIdentifyMessageMaxBytes = 8 * 1024;
inline constexpr std::size_t kIdentifyMessagesMax = 10;
/// What we send goes into messages of this size: rust-libp2p reads one of at most so many bytes, and no other.
inline constexpr std::size_t kIdentifySentMessageMaxBytes = 4096;
inline constexpr std::size_t kIdentifyAddressesMax = 100;
inline constexpr std::size_t kIdentifyProtocolsMax = 1000;
inline constexpr std::size_t kIdentifyProtocolMaxBytes = 256;
/// protocolVersion and agentVersion; longer ones are cut off.
inline constexpr std::size_t kIdentifyVersionMaxBytes = 256;

/// A value. Fields that are optional, and empty lists, were absent: in a push, they have not changed.
struct IdentifyMessage {
  std::optional<base::Bytes> public_key;  ///< the PublicKey protobuf
  std::vector<multiformats::Multiaddr> listen_addresses;
  std::vector<std::string> protocols;
  std::optional<multiformats::Multiaddr> observed_address;  ///< where the sender sees the receiver
  std::optional<std::string> protocol_version;
  std::optional<std::string> agent_version;
  std::optional<base::Bytes> signed_peer_record;  ///< a signed envelope, not verified

  friend bool operator==(const IdentifyMessage&, const IdentifyMessage&) = default;
};

/// Reads one message and merges it into `into`: fields replace, lists grow up to their bounds. Error::kMalformedMessage
/// if it is no protobuf; `into` is then of no use.
///
/// Left out, each for itself: addresses of protocols that we do not know, protocol ids that are too long, do not begin
/// with a slash or hold other than printable ASCII, and whatever is over the bound of its list. In versions, bytes
/// that are not printable ASCII become '?', because they end up in logs and on terminals.
base::Result<> merge_identify_message(base::ConstBytes bytes, IdentifyMessage& into);

/// The messages to send, without length prefixes: one, unless kIdentifySentMessageMaxBytes is too little. The signed
/// record comes in one of its own. What does not fit into kIdentifyMessagesMax is left out.
std::vector<base::Bytes> serialise_identify_message(const IdentifyMessage& message);

}  // namespace libp2p
