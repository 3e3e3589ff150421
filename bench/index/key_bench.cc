// Keys of a prompt beside the digest library's own rate for messages of that size.
#include "bench/index/measures.h"
#include "kv/block_key.h"
#include "kv/object_format.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

namespace kvp2p::bench {

namespace {

// Domain, parent, token ids, number of extras (docs/keys.md).
constexpr std::size_t kMessageBytes = 26 + 32 + 4 * kBlockTokens + 4;

void require(int ok) {
  if (ok != 1) std::abort();
}

struct Library {
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> digest{EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free};
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};

  /// Chained as keys are, so that no message can begin before the one in front of it is done.
  void hash(std::size_t messages) {
    std::array<std::uint8_t, kMessageBytes> message{};
    for (std::size_t i = 0; i < messages; ++i) {
      require(EVP_DigestInit_ex2(context.get(), digest.get(), nullptr));
      require(EVP_DigestUpdate(context.get(), message.data(), message.size()));
      require(EVP_DigestFinal_ex(context.get(), message.data(), nullptr));
    }
  }
  void hash_one_shot(std::size_t messages) {
    std::array<std::uint8_t, kMessageBytes> message{};
    for (std::size_t i = 0; i < messages; ++i) {
      require(EVP_Digest(message.data(), message.size(), message.data(), nullptr, digest.get(), nullptr));
    }
  }
};

}  // namespace

KeyRates measure_keys(std::size_t tokens, std::size_t rounds) {
  std::vector<TokenId> prompt(tokens);
  for (std::size_t i = 0; i < tokens; ++i) prompt[i] = static_cast<TokenId>(i * 2654435761u % 128'000);
  const std::size_t messages = tokens / kBlockTokens;
  Library library;
  std::vector<double> keys, own, one_shot;
  Fingerprint fingerprint;
  for (std::size_t round = 0; round < rounds; ++round) {
    keys.push_back(seconds_of([&] { fingerprint.bytes = keys_from_tokens(fingerprint, prompt).back().bytes; }));
    own.push_back(seconds_of([&] { library.hash(messages); }));
    one_shot.push_back(seconds_of([&] { library.hash_one_shot(messages); }));
  }
  const auto rate = [&](const std::vector<double>& seconds) {
    return static_cast<double>(messages * kMessageBytes) / median(seconds) / 1e6;
  };
  return {kMessageBytes, rate(keys), rate(own), rate(one_shot), median(keys) * 1e6};
}

}  // namespace kvp2p::bench
