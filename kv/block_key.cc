#include "kv/block_key.h"

#include "kv/object_format.h"
#include "kv/sha256.h"

#include <algorithm>
#include <tuple>

namespace kvp2p {

namespace {

constexpr std::string_view kBlockDomain = "kv-cache-p2p block key v1\n";
constexpr std::string_view kOpaqueDomain = "kv-cache-p2p opaque key v1\n";

// Engines collect extras in different orders: one order for the hash.
std::vector<const Extra*> in_order(const Extras& extras) {
  std::vector<const Extra*> sorted;
  for (const Extra& extra : extras) sorted.push_back(&extra);
  std::ranges::sort(sorted, {}, [](const Extra* e) { return std::tie(e->kind, e->value); });
  return sorted;
}

void add_extras(Sha256& hash, const Extras& extras) {
  for (const Extra* extra : in_order(extras)) {
    hash.add_u8(static_cast<std::uint8_t>(extra->kind));
    hash.add_le64(extra->value.size());
    hash.add(extra->value);
  }
}

/// What is hashed for every block, side by side: one call of the library for all of it takes half the time of a call
/// for each part.
class BlockMessage {
 public:
  BlockMessage() { std::ranges::copy(base::as_bytes(kBlockDomain), bytes_.begin()); }

  void set_parent(const std::array<std::uint8_t, 32>& parent) { std::ranges::copy(parent, &bytes_[kParentAt]); }
  void set_tokens(std::span<const TokenId, kBlockTokens> tokens) {
    for (std::size_t t = 0; t < kBlockTokens; ++t)
      base::store_le32(&bytes_[kTokensAt + sizeof(TokenId) * t], tokens[t]);
  }
  void set_extras(std::size_t count) { base::store_le32(&bytes_[kExtrasAt], static_cast<std::uint32_t>(count)); }

  base::ConstBytes bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kParentAt = kBlockDomain.size();
  static constexpr std::size_t kTokensAt = kParentAt + 32;
  static constexpr std::size_t kExtrasAt = kTokensAt + sizeof(TokenId) * kBlockTokens;
  std::array<std::uint8_t, kExtrasAt + sizeof(std::uint32_t)> bytes_{};
};

}  // namespace

std::vector<BlockKey> keys_from_tokens(const Fingerprint& fingerprint, std::span<const TokenId> tokens,
                                       std::span<const Extras> extras) {
  std::vector<BlockKey> keys(tokens.size() / kBlockTokens);
  Sha256 hash;
  BlockMessage message;
  message.set_parent(fingerprint.bytes);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool has_extras = i < extras.size() && !extras[i].empty();
    message.set_tokens(tokens.subspan(i * kBlockTokens).first<kBlockTokens>());
    message.set_extras(has_extras ? extras[i].size() : 0);
    hash.start({});
    hash.add(message.bytes());
    if (has_extras) add_extras(hash, extras[i]);
    keys[i].bytes = hash.finish();
    message.set_parent(keys[i].bytes);
  }
  return keys;
}

BlockKey key_from_opaque(const Fingerprint& fingerprint, base::ConstBytes opaque) {
  Sha256 hash;
  hash.start(kOpaqueDomain);
  hash.add(fingerprint.bytes);
  hash.add_le64(opaque.size());
  hash.add(opaque);
  return {hash.finish()};
}

}  // namespace kvp2p
