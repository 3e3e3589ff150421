// What peers send each other (libp2p/specs pubsub/README.md, "The RPC"; gossipsub-v1.0.md, v1.1.md, v1.2.md). Pure.
#pragma once

#include "base/result.h"
#include "libp2p/protocols/gossipsub/message.h"

#include <optional>
#include <string>
#include <vector>

namespace libp2p::gossipsub {

// What one RPC may hold; more of it is passed over.
inline constexpr std::size_t kRpcSubscriptionsMax = 1024;
inline constexpr std::size_t kRpcMessagesMax = 1024;
/// Ids of all IHAVE together, of all IWANT, and of all IDONTWANT.
inline constexpr std::size_t kRpcIdsMax = 5000;
/// GRAFT, PRUNE and IHAVE, each.
inline constexpr std::size_t kRpcControlsMax = 256;
/// Of one PRUNE.
inline constexpr std::size_t kPrunePeersMax = 16;
/// Ours, so that every implementation's default takes it (rust: 64 KiB).
inline constexpr std::size_t kSentRpcBytesMax = 60 * 1024;

struct SubOpts {
  bool subscribe = false;
  std::string topic;
};
struct Ihave {
  std::string topic;
  std::vector<MessageId> ids;
};
/// Peer exchange: whom to graft instead.
struct PrunePeer {
  multiformats::PeerId peer;
  base::Bytes signed_record;  ///< empty if none came
};
struct Prune {
  std::string topic;
  std::vector<PrunePeer> peers = {};
  std::optional<std::uint64_t> backoff_s = std::nullopt;
};
struct Control {
  std::vector<Ihave> ihave = {};
  std::vector<MessageId> iwant = {};
  std::vector<std::string> graft = {};
  std::vector<Prune> prune = {};
  std::vector<MessageId> idontwant = {};

  bool empty() const { return ihave.empty() && iwant.empty() && graft.empty() && prune.empty() && idontwant.empty(); }
};
struct Rpc {
  std::vector<SubOpts> subscriptions = {};
  std::vector<RawMessage> publish = {};  ///< point into the bytes that were parsed
  Control control = {};
};

/// Error::kMalformedMessage if it is no protobuf of this shape. Names of topics and ids that are longer than their
/// bound, or empty, are passed over.
base::Result<Rpc> parse_rpc(base::ConstBytes bytes);

/// RPCs with their length before each, as they go onto the stream: as many as it takes for none to be longer than
/// kSentRpcBytesMax. Not for messages, which have frames of their own (Message::frame).
std::vector<base::Bytes> serialise_subscriptions(const std::vector<SubOpts>& subscriptions);
std::vector<base::Bytes> serialise_control(const Control& control);

}  // namespace libp2p::gossipsub
