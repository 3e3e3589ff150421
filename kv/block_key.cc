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

void add_extras(Sha256& hash, const Extras* extras) {
  hash.add_le32(extras ? static_cast<std::uint32_t>(extras->size()) : 0);
  if (!extras || extras->empty()) return;
  for (const Extra* extra : in_order(*extras)) {
    hash.add_u8(static_cast<std::uint8_t>(extra->kind));
    hash.add_le64(extra->value.size());
    hash.add(extra->value);
  }
}

}  // namespace

std::vector<BlockKey> keys_from_tokens(const Fingerprint& fingerprint, std::span<const TokenId> tokens,
                                       std::span<const Extras> extras) {
  const std::size_t blocks = tokens.size() / kBlockTokens;
  std::vector<BlockKey> keys(blocks);
  Sha256 hash;
  std::array<std::uint8_t, sizeof(TokenId) * kBlockTokens> ids;
  for (std::size_t i = 0; i < blocks; ++i) {
    for (std::size_t t = 0; t < kBlockTokens; ++t)
      base::store_le32(&ids[sizeof(TokenId) * t], tokens[i * kBlockTokens + t]);
    hash.start(kBlockDomain);
    hash.add(i == 0 ? fingerprint.bytes : keys[i - 1].bytes);
    hash.add(ids);
    add_extras(hash, i < extras.size() ? &extras[i] : nullptr);
    keys[i].bytes = hash.finish();
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
