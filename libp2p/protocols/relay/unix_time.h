// The time of day, where the wire wants it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace libp2p::relay {

inline std::uint64_t system_unix_time_s() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

/// `given`, or the system's.
inline std::function<std::uint64_t()> unix_time_or_system(std::function<std::uint64_t()> given) {
  return given ? std::move(given) : std::function<std::uint64_t()>(system_unix_time_s);
}

}  // namespace libp2p::relay
