// Identify over a stream: the sender writes its messages and closes, the receiver reads to the end.
// Both bound the time by `clock`, which outlives the task.
#pragma once

#include "base/clock.h"
#include "libp2p/core/stream.h"
#include "libp2p/protocols/identify/identify_message.h"
#include "multiformats/peer_id.h"

#include <memory>
#include <string_view>

namespace libp2p {

inline constexpr std::string_view kIdentifyProtocol = "/ipfs/id/1.0.0";
/// The same message, sent by whom it is about, when something in it has changed.
inline constexpr std::string_view kIdentifyPushProtocol = "/ipfs/id/push/1.0.0";
/// What go-, rust- and js-libp2p nodes say; nobody checks it.
inline constexpr std::string_view kIdentifyProtocolVersion = "ipfs/0.1.0";
/// For one exchange, from the agreement on the protocol to the end.
inline constexpr base::Duration kIdentifyTimeout = std::chrono::seconds(10);
/// Inbound streams of identify, and of identify push, that one connection may hold open.
inline constexpr std::size_t kIdentifyStreamsPerConnectionMax = 2;

/// Tells the other side about us: the listener's role in identify, the dialler's in identify push.
base::Task<base::Result<>> send_identify(base::Clock& clock, std::unique_ptr<Stream> stream, IdentifyMessage message);

/// Reads what `remote_peer` tells of itself, the other role in each. Error::kBadSignature if it tells of a public key
/// that is not the one it has authenticated with.
base::Task<base::Result<IdentifyMessage>> receive_identify(base::Clock& clock, std::unique_ptr<Stream> stream,
                                                           multiformats::PeerId remote_peer);

}  // namespace libp2p
