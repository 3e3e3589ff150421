// A bearer token for leased blocks: who granted it, in which incarnation, which lease, and a MAC that only the granter
// can make.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

namespace kvp2p {

struct LeaseToken {
  std::uint64_t epoch = 0;
  std::uint64_t id = 0;
  std::array<std::uint8_t, 16> mac{};
  auto operator<=>(const LeaseToken&) const = default;
};

}  // namespace kvp2p
