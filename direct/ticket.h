// How a peer finds the Unix socket on which memory is handed over.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace kvp2p {

/// Agreed over the libp2p stream, so that only the peer it was given to knows it.
struct DirectTicket {
  /// In Linux's abstract namespace, without the leading zero byte.
  std::string socket_name;
  /// Shown on the socket; good once, for ten seconds.
  std::array<std::uint8_t, 32> nonce{};
};

/// Where an offered block lies at its owner, for a peer that has the owner's regions open.
struct DevicePlace {
  std::uint64_t region = 0;  // the owner's RegionId
  std::uint32_t slot = 0;
  /// The slot's generation when the block was offered. A copy is good if it is still the same after the copy.
  std::uint64_t generation = 0;
  bool operator==(const DevicePlace&) const = default;
};

}  // namespace kvp2p
