#include "engine/sequence.h"

#include "base/bytes.h"
#include "base/log.h"

#include <openssl/evp.h>

#include <memory>

namespace kvp2p::engine {

Sequence::Sequence(Sequence&& other) noexcept
    : kv_(std::exchange(other.kv_, nullptr)),
      tokens_(std::move(other.tokens_)),
      table_(std::move(other.table_)),
      cache_(std::move(other.cache_)),
      report_(std::move(other.report_)),
      next_(other.next_) {}

Sequence::~Sequence() {
  if (!kv_) return;
  if (cache_.finish()) kv_->release(table_);
}

std::string Sequence::kv_digest(std::size_t tokens) const {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  const KvPagesOptions& o = kv_->options();
  std::vector<std::uint8_t> head_values(tokens * o.head_dim * element_bytes(kv_->element()));
  for (std::size_t layer = 0; layer < o.layers; ++layer) {
    for (KvPlane plane : {KvPlane::kKeys, KvPlane::kValues}) {
      for (std::size_t head = 0; head < o.kv_heads; ++head) {
        if (auto ok = kv_->read(layer, plane, table_, head, tokens, head_values.data()); !ok) {
          LOG_ERROR("cannot read the engine's KV: {}", ok.error().message());
          return {};
        }
        EVP_DigestUpdate(context.get(), head_values.data(), head_values.size());
      }
    }
  }
  std::uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned int bytes = 0;
  EVP_DigestFinal_ex(context.get(), digest, &bytes);
  return base::to_hex({digest, bytes});
}

}  // namespace kvp2p::engine
