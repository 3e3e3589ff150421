// What two peers send each other to punch a hole (libp2p/specs relay/DCUtR.md, "RPC messages"). Pure.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "multiformats/multiaddr.h"

#include <cstdint>
#include <vector>

namespace libp2p::dcutr {

inline constexpr const char* kProtocol = "/libp2p/dcutr";

/// Of one message, without its length.
inline constexpr std::size_t kMessageBytesMax = 4096;
/// Further ones, and those that cannot be read, are passed over.
inline constexpr std::size_t kMessageAddressesMax = 16;

struct HolePunch {
  enum class Type : std::uint32_t { kConnect = 100, kSync = 300 };
  Type type = Type::kConnect;
  std::vector<multiformats::Multiaddr> addresses = {};

  friend bool operator==(const HolePunch&, const HolePunch&) = default;
};

/// Error::kMessageTooLong; Error::kMalformedMessage if it is no protobuf of this shape, or of no type that there is.
base::Result<HolePunch> parse_hole_punch(base::ConstBytes bytes);
/// Addresses that do not fit are left out.
base::Bytes serialise(const HolePunch& message);

}  // namespace libp2p::dcutr
