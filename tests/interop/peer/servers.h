// The serving side of the tests' protocols (../README.md).
#pragma once

#include "libp2p/host/host.h"

#include <string>
#include <string_view>

namespace interop {

inline constexpr std::string_view kEchoProtocol = "/kvp2p-test/echo/1.0.0";
inline constexpr std::string_view kDigestProtocol = "/kvp2p-test/digest/1.0.0";
inline constexpr std::string_view kUnreadProtocol = "/kvp2p-test/unread/1.0.0";
inline constexpr std::string_view kLateProtocol = "/kvp2p-test/late/1.0.0";
inline constexpr std::string_view kMuteProtocol = "/kvp2p-test/mute/1.0.0";
inline constexpr std::string_view kResetProtocol = "/kvp2p-test/reset/1.0.0";

/// Serves all of them; each stream's end is printed as an event.
void serve_tests(libp2p::Host& host);
/// Serves one more protocol, as digest is served.
void serve_digest_as(libp2p::Host& host, std::string protocol);

}  // namespace interop
