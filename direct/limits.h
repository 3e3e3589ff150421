// Bounds of the direct path that are not part of its interface.
#pragma once

#include "base/clock.h"

#include <cstddef>
#include <cstdint>

namespace kvp2p {

/// Peers whose regions this node has open.
inline constexpr std::size_t kDirectOwnersMax = 64;
/// Peers for which a reason is kept why there is no direct path.
inline constexpr std::size_t kDirectReasonsMax = 4096;
/// Regions of one node. More are served by the normal path.
inline constexpr std::size_t kDirectRegionsMax = 64;
/// Imports that wait to be closed before no more are opened: peers that take their memory back faster than this device
/// lets go of it.
inline constexpr std::size_t kDirectClosesMax = 256;
/// Slots of one region: 128 MiB of generations.
inline constexpr std::uint32_t kDirectSlotsMax = 1u << 24;

/// Connections that have not shown their nonce yet, and how long they have for it.
inline constexpr std::size_t kDirectStrangersMax = 16;
inline constexpr base::Duration kDirectHelloTimeout = std::chrono::seconds(2);
inline constexpr base::Duration kDirectTicketLife = std::chrono::seconds(10);
/// Tickets that wait to be used, of all peers and of one; the oldest go.
inline constexpr std::size_t kDirectTicketsMax = 256;
inline constexpr std::size_t kDirectTicketsPerPeerMax = 4;

/// One message; the longest has a layout of 512 layers.
inline constexpr std::size_t kDirectMessageBytesMax = 32u << 10;
/// Descriptors of one message: Linux takes 253.
inline constexpr std::size_t kDirectDescriptorsMax = 128;
/// Pieces of a region's memory that one message names.
inline constexpr std::size_t kDirectPiecesPerMessage = kDirectDescriptorsMax;
inline constexpr std::size_t kDirectReasonBytesMax = 512;
/// Encoded messages waiting for a reader that is slow to take them; then its session ends.
inline constexpr std::size_t kDirectQueueBytesMax = 8u << 20;
/// The same for an owner that is slow to take what its reader says, which is little.
inline constexpr std::size_t kDirectAnswerBytesMax = 256u << 10;
/// What a waiting message takes beside its bytes.
inline constexpr std::size_t kDirectWaitingBytes = 256;
/// Messages taken from one socket before the others have their turn.
inline constexpr int kDirectMessagesPerTurn = 16;

/// An owner that removes a region waits this long for its readers to close it.
inline constexpr base::Duration kDirectCloseWait = std::chrono::seconds(1);

}  // namespace kvp2p
