// The key of a private network, and the file that it is kept in (libp2p/specs pnet/Private-Networks-PSK-V1.md).
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

namespace libp2p::pnet {

inline constexpr std::size_t kKeyBytes = 32;
/// A key file is about 100 bytes long.
inline constexpr std::size_t kKeyFileBytesMax = 1024;

/// The secret that the nodes of a private network share. A value, wiped when it goes.
class PreSharedKey {
 public:
  explicit PreSharedKey(const std::array<std::uint8_t, kKeyBytes>& bytes) : bytes_(bytes) {}
  PreSharedKey(const PreSharedKey&) = default;
  PreSharedKey& operator=(const PreSharedKey&) = default;
  ~PreSharedKey();

  const std::array<std::uint8_t, kKeyBytes>& bytes() const { return bytes_; }

  /// 32 hex digits that tell networks apart and say nothing of the key: BLAKE2b of a fixed text under the key.
  std::string fingerprint() const;
  /// The mDNS service that nodes of this network look for: `_p2p-<fingerprint>._udp.local` (discovery/mdns.md). No
  /// specification says what the fingerprint is, so only nodes of this project find each other by it.
  std::string mdns_service() const;

  friend bool operator==(const PreSharedKey&, const PreSharedKey&) = default;

 private:
  std::array<std::uint8_t, kKeyBytes> bytes_;
};

/// The text of a key file: `/key/swarm/psk/1.0.0/`, then `/base16/`, `/base64/` or `/bin/`, then the key so encoded,
/// each on a line of its own (\n or \r\n; the last one's end may be missing). Error::kBadNetworkKey for all else.
base::Result<PreSharedKey> parse_key_file(std::string_view text);

/// The key kept at `path`: Error::kNetworkKeyUnreadable if that is not a regular file that can be read,
/// Error::kNetworkKeyExposed if users other than its owner may read or write it, Error::kBadNetworkKey for its text.
base::Result<PreSharedKey> load_key_file(const std::filesystem::path& path);

/// A key file of `key`, in base 16, which every implementation reads.
std::string key_file_text(const PreSharedKey& key);

}  // namespace libp2p::pnet
