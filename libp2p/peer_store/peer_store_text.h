// A peer store as the text of a file that a person can read. Pure functions.
//
//     kv-cache-p2p peers 1
//     peer 12D3KooW… 1764500000          when last seen, in seconds since 1970; - for never
//     address /ip4/192.0.2.7/tcp/4001 dialled 1765104800       what it is worth, and until when
//     protocol /kv-cache-p2p/1.0.0
//     record CiQIARIg…                    the signed envelope, in base64url without padding
//     end 1                               how many peers: what is cut off does not pass for whole
#pragma once

#include "base/text_error.h"
#include "libp2p/peer_store/peer_store.h"

#include <string>
#include <string_view>

namespace libp2p {

inline constexpr std::size_t kPeerStoreFileBytesMax = 32 << 20;
/// Protocol ids that are kept are at most so long, and printable without spaces.
inline constexpr std::size_t kKeptProtocolBytesMax = 256;

std::string to_text(const PeerStore& store);

/// Fills a store from `text`, within its limits: peers beyond them are left out, those at the end first. Everything is
/// checked, signatures of records too, so that a file which somebody has written into is found out.
base::TextResult<PeerStore> peer_store_from_text(std::string_view text, const PeerStoreLimits& limits);

}  // namespace libp2p
