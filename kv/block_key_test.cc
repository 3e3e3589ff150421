#include "kv/block_key.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace kvp2p {
namespace {

Fingerprint fingerprint(std::uint8_t fill) {
  Fingerprint print;
  print.bytes.fill(fill);
  return print;
}

std::vector<TokenId> counting(std::size_t n) {
  std::vector<TokenId> tokens(n);
  std::iota(tokens.begin(), tokens.end(), 1000);
  return tokens;
}

Extra extra(ExtraKind kind, std::string_view text) { return {kind, base::to_bytes(base::as_bytes(text))}; }

// Key of one block with these extras.
BlockKey key_with(Extras extras) {
  const std::vector<Extras> per_block{std::move(extras)};
  return keys_from_tokens(fingerprint(1), counting(16), per_block)[0];
}

// A key that changes makes every cached block unfindable: these values are for ever, on every machine.
TEST(BlockKeyTest, KeysOfTheDocumentsExampleNeverChange) {
  // The worked example of docs/keys.md: its fingerprint, tokens 1000…1031, and a salt on the second block.
  Fingerprint print;
  constexpr std::string_view kPrint = "a2797f1c881a90b9acf45aad739e1474bf9197eaa4b692697b8e005ccd29d07e";
  for (std::size_t i = 0; i < print.bytes.size(); ++i) {
    print.bytes[i] = static_cast<std::uint8_t>(std::stoi(std::string(kPrint.substr(2 * i, 2)), nullptr, 16));
  }
  const std::vector<Extras> extras = {{}, {extra(ExtraKind::kTenantSalt, "alice")}};
  const auto keys = keys_from_tokens(print, counting(40), extras);
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].to_hex(), "fed396a91486eaa185aeebd4edc11ca5c202f92f3d69686104c084ef1e891e1d");
  EXPECT_EQ(keys[1].to_hex(), "79aa35c2cd38ea575a1e8fae5d8a57d2cb1c8d4b76b830f192c64318e8bfb495");
  EXPECT_EQ(key_from_opaque(print, base::as_bytes("page-1")).to_hex(),
            "3ca00cf4561aa81b16fd27de1227b3d914ec0e254425b4e5bf61efaa87108ad3");
}

TEST(BlockKeyTest, OnlyFullBlocksHaveKeys) {
  EXPECT_TRUE(keys_from_tokens(fingerprint(1), counting(15)).empty());
  EXPECT_EQ(keys_from_tokens(fingerprint(1), counting(16)).size(), 1u);
  EXPECT_EQ(keys_from_tokens(fingerprint(1), counting(47)).size(), 2u);
}

TEST(BlockKeyTest, KeysOfAPrefixAreAPrefixOfTheKeys) {
  const auto longer = keys_from_tokens(fingerprint(1), counting(64));
  const auto shorter = keys_from_tokens(fingerprint(1), counting(40));
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
}

TEST(BlockKeyTest, ATokenChangesItsBlockAndAllAfterIt) {
  auto tokens = counting(64);
  const auto before = keys_from_tokens(fingerprint(1), tokens);
  tokens[20] ^= 1u << 31;
  const auto after = keys_from_tokens(fingerprint(1), tokens);
  EXPECT_EQ(before[0], after[0]);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_NE(before[i], after[i]) << i;
}

TEST(BlockKeyTest, TheSameTokensElsewhereInAPromptAreOtherBlocks) {
  const std::vector<TokenId> same(64, 5);
  const auto keys = keys_from_tokens(fingerprint(1), same);
  EXPECT_EQ(std::set<BlockKey>(keys.begin(), keys.end()).size(), 4u);
}

TEST(BlockKeyTest, AnotherModelHasOtherKeys) {
  EXPECT_NE(keys_from_tokens(fingerprint(1), counting(16)), keys_from_tokens(fingerprint(2), counting(16)));
}

// vLLM 44701: LoRA name and cache salt are hashed untagged there, so equal texts collide.
TEST(BlockKeyTest, TheSameTextAsAdapterAndAsSaltIsNotTheSame) {
  std::set<BlockKey> keys;
  for (ExtraKind kind : {ExtraKind::kAdapterWeights, ExtraKind::kMultimodalContent, ExtraKind::kTenantSalt,
                         ExtraKind::kPromptEmbeds, ExtraKind::kEngineHash}) {
    keys.insert(key_with({extra(kind, "X")}));
  }
  keys.insert(key_with({}));
  EXPECT_EQ(keys.size(), 6u);
}

// vLLM 30931 and 44250: an adapter of the same name with other weights. Only the weights' digest is hashed.
TEST(BlockKeyTest, AnAdapterWithOtherWeightsHasOtherKeys) {
  EXPECT_NE(key_with({extra(ExtraKind::kAdapterWeights, std::string(32, 'a'))}),
            key_with({extra(ExtraKind::kAdapterWeights, std::string(32, 'b'))}));
  EXPECT_NE(key_with({extra(ExtraKind::kAdapterWeights, std::string(32, 'a'))}), key_with({}));
}

// SGLang 38577: storage keys of tokens alone.
TEST(BlockKeyTest, ASaltSeparatesTenants) {
  EXPECT_NE(key_with({extra(ExtraKind::kTenantSalt, "alice")}), key_with({extra(ExtraKind::kTenantSalt, "bob")}));
}

TEST(BlockKeyTest, ExtrasCannotRunIntoEachOther) {
  const auto salt = ExtraKind::kTenantSalt;
  EXPECT_NE(key_with({extra(salt, "ab"), extra(salt, "c")}), key_with({extra(salt, "a"), extra(salt, "bc")}));
  EXPECT_NE(key_with({extra(salt, "ab")}), key_with({extra(salt, "a"), extra(salt, "b")}));
  EXPECT_NE(key_with({extra(salt, "")}), key_with({}));
}

TEST(BlockKeyTest, TheOrderInWhichExtrasAreGivenDoesNotMatter) {
  const auto salt = extra(ExtraKind::kTenantSalt, "alice");
  const auto image = extra(ExtraKind::kMultimodalContent, "cat");
  const auto other_image = extra(ExtraKind::kMultimodalContent, "dog");
  EXPECT_EQ(key_with({salt, image, other_image}), key_with({other_image, salt, image}));
}

TEST(BlockKeyTest, AnExtraOfOneBlockReachesThoseAfterIt) {
  const std::vector<Extras> salted = {{extra(ExtraKind::kTenantSalt, "alice")}};
  const auto with = keys_from_tokens(fingerprint(1), counting(48), salted);
  const auto without = keys_from_tokens(fingerprint(1), counting(48));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NE(with[i], without[i]) << i;
}

TEST(BlockKeyTest, ExtrasBeyondTheLastBlockAreIgnored) {
  const std::vector<Extras> extras = {{}, {extra(ExtraKind::kTenantSalt, "alice")}};
  EXPECT_EQ(keys_from_tokens(fingerprint(1), counting(20), extras), keys_from_tokens(fingerprint(1), counting(20)));
}

TEST(BlockKeyTest, OpaqueKeysAreApartFromTokenKeysAndFromEachOther) {
  const auto tokens = keys_from_tokens(fingerprint(1), counting(16))[0];
  // Even with the very bytes that a token key hashes.
  base::Bytes same;
  for (TokenId token : counting(16)) {
    std::array<std::uint8_t, 4> id;
    base::store_le32(id.data(), token);
    base::append(same, id);
  }
  same.insert(same.end(), 4, 0);
  EXPECT_NE(key_from_opaque(fingerprint(1), same), tokens);
  EXPECT_NE(key_from_opaque(fingerprint(1), base::as_bytes("a")), key_from_opaque(fingerprint(1), base::as_bytes("b")));
  EXPECT_NE(key_from_opaque(fingerprint(1), base::as_bytes("a")), key_from_opaque(fingerprint(2), base::as_bytes("a")));
  EXPECT_NE(key_from_opaque(fingerprint(1), {}).bytes, fingerprint(1).bytes);
}

}  // namespace
}  // namespace kvp2p
