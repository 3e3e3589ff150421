#include "multiformats/multihash.h"

#include "multiformats/errors.h"

#include <gtest/gtest.h>

namespace multiformats {
namespace {

base::Bytes bytes_of(std::initializer_list<int> head, std::size_t more) {
  base::Bytes bytes(head.begin(), head.end());
  bytes.resize(bytes.size() + more, 7);
  return bytes;
}

TEST(MultihashTest, Sha256FitsTheSpecsExample) {
  const auto hash = make_multihash(HashCode::kSha256, base::as_bytes("multihash"));
  EXPECT_EQ(base::to_hex(encode_multihash(hash)),
            "12209cbc07c3f991725836a3aa2a581ca2029198aa420b9d99bc0e131d9f3e2cbe47");
  EXPECT_EQ(parse_multihash(encode_multihash(hash)).value(), hash);
}

TEST(MultihashTest, IdentityHoldsTheDataItself) {
  const auto hash = make_multihash(HashCode::kIdentity, base::as_bytes("multihash"));
  EXPECT_EQ(base::to_hex(encode_multihash(hash)), "00096d756c746968617368");
  EXPECT_EQ(parse_multihash(encode_multihash(hash)).value(), hash);
}

TEST(MultihashTest, BadBytesAreRefused) {
  EXPECT_EQ(parse_multihash({}).error(), Errc::kTruncated);
  EXPECT_EQ(parse_multihash(bytes_of({0x12}, 0)).error(), Errc::kTruncated);
  EXPECT_EQ(parse_multihash(bytes_of({0x12, 32}, 31)).error(), Errc::kTruncated);
  EXPECT_EQ(parse_multihash(bytes_of({0x12, 32}, 33)).error(), Errc::kTrailingBytes);
  EXPECT_EQ(parse_multihash(bytes_of({0x12, 31}, 31)).error(), Errc::kBadDigestLength);
  EXPECT_EQ(parse_multihash(bytes_of({0x13, 64}, 64)).error(), Errc::kUnknownHash);
  EXPECT_EQ(parse_multihash(bytes_of({0x92, 0x00, 32}, 32)).error(), Errc::kVarintNotMinimal);
  EXPECT_EQ(parse_multihash(bytes_of({0x00, 0x81, 0x01}, 129)).error(), Errc::kTooLong);
  EXPECT_EQ(parse_multihash(bytes_of({0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 4)).error(),
            Errc::kTooLong);
}

}  // namespace
}  // namespace multiformats
