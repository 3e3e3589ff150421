// What Kademlia's peers send each other (libp2p/specs kad-dht/README.md, "RPC messages"). Pure.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "multiformats/multiaddr.h"
#include "multiformats/peer_id.h"

#include <optional>
#include <vector>

namespace libp2p::kad {

// What one message may hold; more peers and addresses are passed over, longer keys and values are malformed.
inline constexpr std::size_t kMessageKeyBytesMax = 1024;
inline constexpr std::size_t kMessageValueBytesMax = 64 * 1024;
/// Of closer peers, and of providers.
inline constexpr std::size_t kMessagePeersMax = 128;
/// Of one peer: so many addresses, of so many bytes together.
inline constexpr std::size_t kPeerAddressesMax = 16;
inline constexpr std::size_t kPeerAddressBytesMax = 1024;
/// Ours, so that every implementation takes it (rust: 16 KiB).
inline constexpr std::size_t kSentMessageBytesMax = 16 * 1024 - 64;

enum class MessageType : std::uint32_t {
  kPutValue = 0,
  kGetValue = 1,
  kAddProvider = 2,
  kGetProviders = 3,
  kFindNode = 4,
  kPing = 5,
};

/// A peer that somebody names, with addresses that may or may not be its.
struct PeerEntry {
  multiformats::PeerId id;
  std::vector<multiformats::Multiaddr> addresses = {};  ///< without /p2p/… at their end

  friend bool operator==(const PeerEntry&, const PeerEntry&) = default;
};

struct Record {
  base::Bytes key;
  base::Bytes value;

  friend bool operator==(const Record&, const Record&) = default;
};

struct Message {
  MessageType type = MessageType::kPing;
  base::Bytes key = {};
  std::optional<Record> record = std::nullopt;
  std::vector<PeerEntry> closer = {};
  std::vector<PeerEntry> providers = {};

  friend bool operator==(const Message&, const Message&) = default;
};

/// Error::kMalformedMessage if it is no protobuf of this shape or of an unknown type. Peers whose id is none are passed
/// over, and so are addresses that are none or have a protocol that we do not know, or another peer at their end.
base::Result<Message> parse_message(base::ConstBytes bytes);

/// Leaves out peers for which kSentMessageBytesMax has no room; providers go first.
/// REQUIRES: key and record alone fit.
base::Bytes serialise_message(const Message& message);

}  // namespace libp2p::kad
