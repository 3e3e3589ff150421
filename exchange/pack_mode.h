// Whether what travels between nodes is packed on its way, without loss.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kvp2p {

/// Both ends have a say (docs/codecs.md).
enum class PackMode : std::uint8_t {
  kOff,   ///< this node asks nobody for it, and does it for nobody
  kOn,    ///< packed wherever a peer packs
  kAuto,  ///< where that has been measured to bring more a second than without; packs for whoever asks
};

/// "off", "on", "auto".
constexpr std::optional<PackMode> pack_mode_from_name(std::string_view name) {
  if (name == "off") return PackMode::kOff;
  if (name == "on") return PackMode::kOn;
  if (name == "auto") return PackMode::kAuto;
  return std::nullopt;
}

}  // namespace kvp2p
