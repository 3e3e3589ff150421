// A network namespace of one's own with one TUN device in it: one end of the link.
#pragma once

#include "base/unique_fd.h"

#include <optional>
#include <string>

namespace kvp2p::link {

struct EndConfig {
  std::string address;  ///< IPv4, of a /24
  int mtu = 1500;
};

/// The namespace lives as long as this or a process in it. Whoever wants in opens netns as a file of this process:
/// nsenter --net=/proc/<pid>/fd/<netns>.
struct End {
  base::UniqueFd netns;
  base::UniqueFd tun;  ///< does not block; packets with vnet headers, TCP uncut
};

/// Needs CAP_NET_ADMIN and CAP_SYS_ADMIN (root, or `unshare -Ur`) and /dev/net/tun. Nothing, and why: it cannot be had.
std::optional<End> make_end(const EndConfig& config, std::string& why_not);

}  // namespace kvp2p::link
