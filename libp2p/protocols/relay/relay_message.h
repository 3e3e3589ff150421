// What relays and their clients send each other (libp2p/specs relay/circuit-v2.md). Pure.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "multiformats/multiaddr.h"
#include "multiformats/peer_id.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace libp2p::relay {

inline constexpr const char* kHopProtocol = "/libp2p/circuit/relay/0.2.0/hop";
inline constexpr const char* kStopProtocol = "/libp2p/circuit/relay/0.2.0/stop";

/// Of one message, without its length.
inline constexpr std::size_t kMessageBytesMax = 4096;
/// Addresses of one message; further ones, and those that cannot be read, are passed over.
inline constexpr std::size_t kMessageAddressesMax = 16;

enum class Status : std::uint32_t {
  kNone = 0,
  kOk = 100,
  kReservationRefused = 200,
  kResourceLimitExceeded = 201,
  kPermissionDenied = 202,
  kConnectionFailed = 203,
  kNoReservation = 204,
  kMalformedMessage = 400,
  kUnexpectedMessage = 401,
};

/// What a relayed connection may use; 0: no limit.
struct Limit {
  std::uint32_t duration_s = 0;
  std::uint64_t data_bytes = 0;  ///< each way

  bool is_limited() const { return duration_s != 0 || data_bytes != 0; }
  friend bool operator==(const Limit&, const Limit&) = default;
};

struct Reservation {
  std::uint64_t expire_unix_s = 0;
  /// Of the relay, ending in its /p2p/….
  std::vector<multiformats::Multiaddr> addresses = {};
  base::Bytes voucher = {};  ///< a signed envelope; empty if none came

  friend bool operator==(const Reservation&, const Reservation&) = default;
};

struct HopMessage {
  enum class Type : std::uint32_t { kReserve = 0, kConnect = 1, kStatus = 2 };
  Type type = Type::kStatus;
  std::optional<multiformats::PeerId> peer = std::nullopt;
  std::optional<Reservation> reservation = std::nullopt;
  Limit limit = {};
  /// As it came: any number.
  Status status = Status::kNone;

  friend bool operator==(const HopMessage&, const HopMessage&) = default;
};

struct StopMessage {
  enum class Type : std::uint32_t { kConnect = 0, kStatus = 1 };
  Type type = Type::kStatus;
  std::optional<multiformats::PeerId> peer = std::nullopt;
  Limit limit = {};
  Status status = Status::kNone;

  friend bool operator==(const StopMessage&, const StopMessage&) = default;
};

/// Error::kMessageTooLong; Error::kMalformedMessage if it is no protobuf of this shape, has no type or one that the
/// protocol does not know, or names a peer that is none.
base::Result<HopMessage> parse_hop_message(base::ConstBytes bytes);
base::Result<StopMessage> parse_stop_message(base::ConstBytes bytes);

base::Bytes serialise(const HopMessage& message);
base::Bytes serialise(const StopMessage& message);

}  // namespace libp2p::relay
