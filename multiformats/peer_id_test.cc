#include "multiformats/peer_id.h"

#include "multiformats/errors.h"
#include "multiformats/multibase.h"
#include "multiformats/multihash.h"

#include <gtest/gtest.h>

#include <set>
#include <unordered_set>

namespace multiformats {
namespace {

base::Bytes hex(std::string_view text) { return decode_base(Base::kBase16, text).value(); }

PeerId id_of_key(std::string_view public_key_hex) {
  return PeerId::from_public_key(PublicKey::from_protobuf(hex(public_key_hex)).value());
}

// Keys of libp2p/specs peer-ids/peer-ids.md.
constexpr std::string_view kEd25519Public = "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e";
constexpr std::string_view kSecp256k1Public =
    "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99";
constexpr std::string_view kEcdsaPublic =
    "0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d83abab44abf3161f162a4bc901"
    "d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c409e62";

TEST(PeerIdTest, ShortKeysAreInlinedAndLongOnesHashed) {
  const PeerId ed25519 = id_of_key(kEd25519Public);
  EXPECT_EQ(base::to_hex(ed25519.as_bytes()), "0024" + std::string(kEd25519Public));
  EXPECT_TRUE(ed25519.to_text().starts_with("12D3KooW")) << ed25519.to_text();
  EXPECT_TRUE(id_of_key(kSecp256k1Public).to_text().starts_with("16Uiu2H"));
  const PeerId ecdsa = id_of_key(kEcdsaPublic);
  EXPECT_TRUE(ecdsa.to_text().starts_with("Qm"));
  EXPECT_EQ(base::to_hex(ecdsa.as_bytes().first(2)), "1220");
}

TEST(PeerIdTest, TheSpecsExamplesAreReadInBothForms) {
  const auto text = PeerId::from_text("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA");
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_EQ(text->to_text(), "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA");
  const auto hashed = PeerId::from_text("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N");
  ASSERT_TRUE(hashed) << hashed.error().message();
  EXPECT_EQ(PeerId::from_text("bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe").value(), *hashed);
  EXPECT_EQ(hashed->to_cid_text(), "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe");
}

// Pairs of multiformats/go-multiaddr's tests.
TEST(PeerIdTest, CidsInBase36AreReadToo) {
  EXPECT_EQ(PeerId::from_text("k51qzi5uqu5dhb6l8spkdx7yxafegfkee5by8h7lmjh2ehc2sgg34z7c15vzqs").value(),
            PeerId::from_text("12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV").value());
  EXPECT_EQ(PeerId::from_text("k2k4r8oqamigqdo6o7hsbfwd45y70oyynp98usk7zmyfrzpqxh1pohl7").value(),
            PeerId::from_text("QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC").value());
}

TEST(PeerIdTest, AnInlinedKeyCanBeReadAndAHashedOneCannot) {
  const PeerId id = id_of_key(kEd25519Public);
  const auto key = id.public_key();
  ASSERT_TRUE(key);
  EXPECT_EQ(base::to_hex(key->to_protobuf()), kEd25519Public);
  EXPECT_TRUE(id.matches(*key));
  EXPECT_FALSE(id_of_key(kSecp256k1Public).matches(*key));
  EXPECT_EQ(id_of_key(kEcdsaPublic).public_key().error(), Errc::kNotInlined);
}

TEST(PeerIdTest, BadTextsAreRefused) {
  for (std::string_view text : {
           "", "1", "Qm", "12D3Koo!", "?abc", "bafz", "hello", "zQmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
           "k2k4r8oqamigqdo6o7hsbfwd45y70oyynp98usk7zmyfrzpqxh1pohl-",
           "k2jmtxwoe2phm1hbqp0e7nufqf6umvuu2e9qd7ana7h411a0haqj6i2z",  // another codec
           "bafkreie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe",
           "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5", "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5NN",
           "QmxoHT6iViN5xAjoz1VZ553cL31U9F94ht3QvWR1FrEbZY",  // digest longer than 32 bytes
       }) {
    EXPECT_FALSE(PeerId::from_text(text)) << text;
  }
  EXPECT_EQ(PeerId::from_text(std::string(kPeerIdTextMax + 1, '1')).error(), Errc::kTooLong);
}

TEST(PeerIdTest, BadBytesAreRefused) {
  EXPECT_EQ(PeerId::from_bytes({}).error(), Errc::kTruncated);
  EXPECT_EQ(PeerId::from_bytes(base::Bytes{0, 0}).error(), Errc::kBadDigestLength);
  const base::Bytes longest(kInlinedKeyBytesMax, 1);
  EXPECT_TRUE(PeerId::from_bytes(encode_multihash(make_multihash(HashCode::kIdentity, longest))));
  const base::Bytes too_long(kInlinedKeyBytesMax + 1, 1);
  EXPECT_EQ(PeerId::from_bytes(encode_multihash(make_multihash(HashCode::kIdentity, too_long))).error(),
            Errc::kTooLong);
  EXPECT_FALSE(PeerId::from_bytes(hex("221221c05877cbae039d70a5e600ea02c6f9f2942439285c9e344e26f8d280c850fad6")));
}

TEST(PeerIdTest, IdsAreOrderedAndHashedByTheirBytes) {
  const PeerId a = id_of_key(kEd25519Public);
  const PeerId b = id_of_key(kEcdsaPublic);
  EXPECT_EQ(a, PeerId::from_bytes(a.as_bytes()).value());
  EXPECT_NE(a, b);
  EXPECT_LT(a, b) << "identity comes before SHA-256";
  EXPECT_EQ((std::set<PeerId>{a, b, a}).size(), 2u);
  EXPECT_EQ((std::unordered_set<PeerId>{a, b, a}).size(), 2u);
}

TEST(PeerIdTest, AnEmptyIdIsNobody) {
  EXPECT_TRUE(PeerId().empty());
  EXPECT_NE(PeerId(), id_of_key(kEd25519Public));
  EXPECT_EQ(PeerId().public_key().error(), Errc::kNotInlined);
  EXPECT_EQ(PeerId().short_text(), "");
}

TEST(PeerIdTest, TheShortTextIsTheEnd) {
  const auto id = PeerId::from_text("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA").value();
  EXPECT_EQ(id.short_text(), "eQAJU5SA");
}

}  // namespace
}  // namespace multiformats
