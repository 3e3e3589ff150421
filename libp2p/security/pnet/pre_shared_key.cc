#include "libp2p/security/pnet/pre_shared_key.h"

#include "base/unique_fd.h"
#include "libp2p/core/error.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

namespace libp2p::pnet {

namespace {

constexpr std::string_view kKind = "/key/swarm/psk/1.0.0/";
constexpr std::size_t kFingerprintBytes = 16;

using KeyBytes = std::array<std::uint8_t, kKeyBytes>;

/// The text up to the end of its first line, which is taken off.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool decode(std::string_view encoding, std::string_view text, KeyBytes& key) {
  std::size_t size = 0;
  const char* end = nullptr;
  int failed = -1;
  if (encoding == "/base16/") {
    failed = sodium_hex2bin(key.data(), key.size(), text.data(), text.size(), nullptr, &size, &end);
  } else if (encoding == "/base64/") {
    failed = sodium_base642bin(key.data(), key.size(), text.data(), text.size(), nullptr, &size, &end,
                               sodium_base64_VARIANT_ORIGINAL);
  }
  return failed == 0 && size == key.size() && end == text.data() + text.size();
}

}  // namespace

PreSharedKey::~PreSharedKey() { sodium_memzero(bytes_.data(), bytes_.size()); }

std::string PreSharedKey::fingerprint() const {
  constexpr std::string_view kText = "libp2p private network fingerprint";
  std::array<std::uint8_t, kFingerprintBytes> digest;
  crypto_generichash(digest.data(), digest.size(), base::as_bytes(kText).data(), kText.size(), bytes_.data(),
                     bytes_.size());
  return base::to_hex(digest);
}

std::string PreSharedKey::mdns_service() const { return "_p2p-" + fingerprint() + "._udp.local"; }

base::Result<PreSharedKey> parse_key_file(std::string_view text) {
  if (text.size() > kKeyFileBytesMax || take_line(text) != kKind) return Error::kBadNetworkKey;
  const std::string_view encoding = take_line(text);
  KeyBytes bytes{};
  if (encoding == "/bin/") {
    if (text.size() != bytes.size()) return Error::kBadNetworkKey;
    std::ranges::copy(base::as_bytes(text), bytes.begin());
  } else if (!decode(encoding, take_line(text), bytes) || !text.empty()) {
    sodium_memzero(bytes.data(), bytes.size());
    return Error::kBadNetworkKey;
  }
  PreSharedKey key(bytes);
  sodium_memzero(bytes.data(), bytes.size());
  return key;
}

base::Result<PreSharedKey> load_key_file(const std::filesystem::path& path) {
  // Not waiting: the path may be a pipe.
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status;
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return Error::kNetworkKeyUnreadable;
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) return Error::kNetworkKeyExposed;
  std::array<char, kKeyFileBytesMax + 1> text;
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size < 0) return Error::kNetworkKeyUnreadable;
  auto key = parse_key_file({text.data(), static_cast<std::size_t>(size)});
  sodium_memzero(text.data(), text.size());
  return key;
}

std::string key_file_text(const PreSharedKey& key) {
  return std::string(kKind) + "\n/base16/\n" + base::to_hex(key.bytes()) + "\n";
}

}  // namespace libp2p::pnet
