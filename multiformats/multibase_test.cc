#include "multiformats/multibase.h"

#include "multiformats/errors.h"

#include <gtest/gtest.h>

namespace multiformats {
namespace {

// Texts of multiformats/multibase, tests/; the values were computed with Python, independently of this code.
struct Vector {
  std::string_view bytes;
  std::string_view text;
};
constexpr Vector kVectors[] = {
    {"Decentralize everything!!", "f446563656e7472616c697a652065766572797468696e672121"},
    {"Decentralize everything!!", "birswgzloorzgc3djpjssazlwmvzhs5dinfxgoijb"},
    {"Decentralize everything!!", "k343ixo7d49hqj1ium15pgy1wzww5fxrid21td7l"},
    {"Decentralize everything!!", "zUXE7GvtEk8XTXs1GF8HSGbVA9FCX9SEBPe"},
    {"Decentralize everything!!", "uRGVjZW50cmFsaXplIGV2ZXJ5dGhpbmchIQ"},
    {"yes mani !", "f796573206d616e692021"},
    {"yes mani !", "bpfsxgidnmfxgsibb"},
    {"yes mani !", "k2lcpzo5yikidynfl"},
    {"yes mani !", "z7paNL19xttacUY"},
    {"yes mani !", "ueWVzIG1hbmkgIQ"},
    {std::string_view("\0yes mani !", 11), "f00796573206d616e692021"},
    {std::string_view("\0yes mani !", 11), "bab4wk4zanvqw42jaee"},
    {std::string_view("\0yes mani !", 11), "k02lcpzo5yikidynfl"},
    {std::string_view("\0yes mani !", 11), "z17paNL19xttacUY"},
    {std::string_view("\0yes mani !", 11), "uAHllcyBtYW5pICE"},
    {std::string_view("\0\0yes mani !", 12), "f0000796573206d616e692021"},
    {std::string_view("\0\0yes mani !", 12), "z117paNL19xttacUY"},
    {std::string_view("\0\0yes mani !", 12), "baaahszltebwwc3tjeaqq"},
    {"", "f"},
    {"", "b"},
    {"", "z"},
    {"", "u"},
};

TEST(MultibaseTest, FitsTheVectorsBothWays) {
  for (const auto& [bytes, text] : kVectors) {
    EXPECT_EQ(encode_multibase(static_cast<Base>(text.front()), base::as_bytes(bytes)), text);
    const auto decoded = decode_multibase(text);
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(base::as_text(*decoded), bytes);
  }
}

TEST(MultibaseTest, HexAndBase32AreReadInEitherCase) {
  EXPECT_EQ(decode_base(Base::kBase16, "ABcd").value(), (base::Bytes{0xab, 0xcd}));
  EXPECT_EQ(decode_base(Base::kBase32, "PfSxGiDnMfXgSiBb").value(), base::to_bytes(base::as_bytes("yes mani !")));
}

TEST(MultibaseTest, BadTextIsRefused) {
  EXPECT_EQ(decode_multibase("").error(), Errc::kEmpty);
  EXPECT_EQ(decode_multibase("?abc").error(), Errc::kUnknownBase);
  EXPECT_EQ(decode_multibase("z0OIl").error(), Errc::kBadCharacter) << "not in base58's alphabet";
  EXPECT_EQ(decode_multibase("fxx").error(), Errc::kBadCharacter);
  EXPECT_EQ(decode_multibase("ueWVzIG1hbmkgIQ==").error(), Errc::kBadCharacter) << "padding";
  EXPECT_EQ(decode_multibase("u+/").error(), Errc::kBadCharacter) << "not the URL alphabet";
  EXPECT_EQ(decode_multibase("fabc").error(), Errc::kBadPadding) << "half a byte";
  EXPECT_EQ(decode_multibase("ba").error(), Errc::kBadPadding) << "five bits are no byte";
  EXPECT_EQ(decode_multibase("bab").error(), Errc::kBadPadding) << "left-over bits are not zero";
  EXPECT_EQ(decode_multibase("uAB").error(), Errc::kBadPadding);
}

TEST(MultibaseTest, TheLengthIsBounded) {
  EXPECT_TRUE(decode_base(Base::kBase58Btc, std::string(kBase58TextMax, 'z')));
  EXPECT_EQ(decode_base(Base::kBase58Btc, std::string(kBase58TextMax + 1, 'z')).error(), Errc::kTooLong);
  EXPECT_EQ(decode_base(Base::kBase16, std::string(kBaseTextMax + 2, '0')).error(), Errc::kTooLong);
  const base::Bytes longest(kBase58BytesMax, 0xff);
  EXPECT_LE(encode_base(Base::kBase58Btc, longest).size(), kBase58TextMax) << "what is encoded can be decoded";
}

}  // namespace
}  // namespace multiformats
