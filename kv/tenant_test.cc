#include "kv/tenant.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

const base::Bytes kSalt(16, 's');

TEST(TenantTest, TheSpaceHangsOnModelAndSalt) {
  Fingerprint model, other;
  other.bytes[0] = 1;
  EXPECT_EQ(tenant_fingerprint(model, kSalt), tenant_fingerprint(model, kSalt));
  EXPECT_NE(tenant_fingerprint(model, kSalt), model);
  EXPECT_NE(tenant_fingerprint(model, kSalt), tenant_fingerprint(other, kSalt));
  EXPECT_NE(tenant_fingerprint(model, kSalt), tenant_fingerprint(model, base::Bytes(17, 's')));
}

TEST(TenantTest, NoSaltIsTheModelItself) {
  Fingerprint model;
  EXPECT_EQ(tenant_fingerprint(model, {}), model);
  EXPECT_TRUE(with_tenant_salt({}, 5, {}).empty());
}

// The page's example (docs/keys.md): fingerprint of 32 bytes 07, salt of 16 bytes 's'.
TEST(TenantTest, FitsTheDocument) {
  Fingerprint model;
  model.bytes.fill(7);
  EXPECT_EQ(tenant_fingerprint(model, kSalt).to_hex(),
            "8a2a4d308b818a8ac6690b379d157f705578f2c3052b2534f0728cde3ff89eed");
}

TEST(TenantTest, TheSaltIsInEveryBlockBesidesWhatIsThere) {
  std::vector<Extras> extras(1);
  extras[0].push_back({ExtraKind::kAdapterWeights, {1, 2}});
  extras = with_tenant_salt(std::move(extras), 3, kSalt);
  ASSERT_EQ(extras.size(), 3u);
  EXPECT_EQ(extras[0].size(), 2u);
  for (const Extras& each : extras) {
    EXPECT_EQ(each.back().kind, ExtraKind::kTenantSalt);
    EXPECT_EQ(each.back().value, kSalt);
  }
  const std::vector<TokenId> tokens(48, 5);
  const Fingerprint model;
  const auto salted = keys_from_tokens(model, tokens, extras), plain = keys_from_tokens(model, tokens);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NE(salted[i], plain[i]);
}

}  // namespace
}  // namespace kvp2p
