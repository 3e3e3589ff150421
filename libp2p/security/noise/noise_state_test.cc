#include "libp2p/security/noise/noise_state.h"

#include "libp2p/core/error.h"

#include <gtest/gtest.h>

#include <limits>

namespace libp2p::noise {
namespace {

base::Bytes from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  base::Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  }
  return bytes;
}

Block block_from_hex(std::string_view hex) {
  const base::Bytes bytes = from_hex(hex);
  Block block;
  std::copy(bytes.begin(), bytes.end(), block.begin());
  return block;
}

KeyPair pair_from_hex(std::string_view hex) { return KeyPair::from_private(block_from_hex(hex)); }

struct Message {
  std::string_view payload;
  std::string_view ciphertext;
};

struct Vector {
  std::string_view prologue;
  std::string_view init_static;
  std::string_view init_ephemeral;
  std::string_view resp_static;
  std::string_view resp_ephemeral;
  std::string_view handshake_hash;  ///< empty: not published
  std::vector<Message> messages;
};

// Published vectors of Noise_XX_25519_ChaChaPoly_SHA256: cacophony's and snow's.
const Vector kVectors[] = {
    {"4a6f686e2047616c74",
     "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
     "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
     "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
     "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
     "c8e5f64e846193be2a834104c2a009868d6c9f3bd3c186299888b488b2f1f58e",
     {{"4c756477696720766f6e204d69736573",
       "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
       "4c756477696720766f6e204d69736573"},
      {"4d757272617920526f746862617264",
       "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f14480884381cbad1f276e038c48378ffce2b65285e08d6b68aaa362"
       "9a5a8639392490e5b9bd5269c2f1e4f488ed8831161f19b7815528f8982ffe09be9b5c412f8a0db50f8814c7194e83f23dbd8d162c9326"
       "ad"},
      {"462e20412e20486179656b",
       "c7195ffacac1307ff99046f219750fc47693e23c3cb08b89c2af808b444850a80ae475b9df0f169ae80a89be0865b57f58c9fea0d4ec82"
       "a286427402f113e4b6ae769a1d95941d49b25030"},
      {"4361726c204d656e676572", "96763ed773f8e47bb3712f0e29b3060ffc956ffc146cee53d5e1df"},
      {"4a65616e2d426170746973746520536179", "3e40f15f6f3a46ae446b253bf8b1d9ffb6ed9b174d272328ff91a7e2e5c79c07f5"},
      {"457567656e2042f6686d20766f6e2042617765726b",
       "eb3f3515110702e047a6c9da4478b6ead94873c11c0f2d710ddb3f09fce024b3a58502ae3f"}}},
    {"5468657265206973206e6f20726967687420616e642077726f6e672e2054686572652773206f6e6c792066756e20616e6420626f72696e672"
     "e",
     "7dec208517a3b81a2861d7a71266d5d6dc944c5a8816634a86fe63198a0148ee",
     "a32daf21e93c0131495ce1d903181fde81cc46937daaeb990bae7c992709421e",
     "4d0aed5098e3b4ef20357e9f686ce66204c792b358da2e475017d6c485304881",
     "4eece0f195d026db035ff987597c429d3ad3bcc2944df37d649528951b2a27c5",
     "",
     {{"d03c489139e645d0711a3c9e810d776b46a84912463fafa87b884eebf242dc34",
       "f9fa868ba97ab8a2686deccfaad5a484ee10a5bb85e3d1dce015a84797f92818"
       "d03c489139e645d0711a3c9e810d776b46a84912463fafa87b884eebf242dc34"},
      {"d8190a92f7dc0c93dbea9118ba8055751fb7c6590c416ffbd419964132b99a85",
       "8c4e6fdb7d09d501a86f7eca5c234522751706ed409182c05cdf5f827d4dae47b81c6c5f43b025692c24391eefee725c17d8cb0fbe3e4a"
       "bb8aedf42c4fd2592d4ea48ac08989d6ae8b4adae08b2c34087c808c7aa55a63c02b0fab9e930612336bd43eaea04d3c670a0a146691aa"
       "9cc9d357872320dc735dbc48580cffb553db"},
      {"77891b19dcb92ef7c055b672c4a5aa7fdf1c84146b8b303459022729473ce254",
       "933ca6b5ed60df3df66121f0ab49a09e49efa45c613a86a3cecbf4c535cef2f83f72b42837b18e3572f2fdc2b74c331e2368a545cef54b"
       "dca081678ab0e9dd5348122459e0c034c851984d88ce610963d43cde6cfe73a67fbd5a63e8bfca96d0"},
      {"d7efdf988072881941db045a42882433817555128fbf5663e56081712ec7d212",
       "54ef0ff0629e1aaa7685a2806ab111cba76b52331f2642276736f415868eacb69ab2577f3bda0cbf72f879685f6ed25f"},
      {"dd7bf01a588bafb52c6cfba952e5d8fe35cc2b3f92b4730ae2474615157345ce",
       "356be70f110306d5c699bb834bb9d58d909e325924dfbec972e406e6f294dc63e1daebefe8a62a334facc8048ab4ad66"}}},
};

class NoiseVectors : public ::testing::TestWithParam<Vector> {
 protected:
  HandshakeState initiator_{Role::kInitiator, from_hex(GetParam().prologue), pair_from_hex(GetParam().init_static),
                            pair_from_hex(GetParam().init_ephemeral)};
  HandshakeState responder_{Role::kResponder, from_hex(GetParam().prologue), pair_from_hex(GetParam().resp_static),
                            pair_from_hex(GetParam().resp_ephemeral)};
};

TEST_P(NoiseVectors, AreReproduced) {
  const auto& messages = GetParam().messages;
  for (std::size_t i = 0; i < 3; ++i) {
    HandshakeState& writer = i % 2 == 0 ? initiator_ : responder_;
    HandshakeState& reader = i % 2 == 0 ? responder_ : initiator_;
    ASSERT_TRUE(writer.is_my_turn());
    ASSERT_FALSE(reader.is_my_turn());
    const auto message = writer.write_message(from_hex(messages[i].payload));
    ASSERT_TRUE(message);
    EXPECT_EQ(base::to_hex(*message), messages[i].ciphertext);
    const auto payload = reader.read_message(*message);
    ASSERT_TRUE(payload);
    EXPECT_EQ(base::to_hex(*payload), messages[i].payload);
  }
  ASSERT_TRUE(initiator_.finished());
  ASSERT_TRUE(responder_.finished());
  EXPECT_EQ(initiator_.remote_static_key(), pair_from_hex(GetParam().resp_static).public_key);
  EXPECT_EQ(responder_.remote_static_key(), pair_from_hex(GetParam().init_static).public_key);
  EXPECT_EQ(initiator_.handshake_hash(), responder_.handshake_hash());
  if (!GetParam().handshake_hash.empty()) {
    EXPECT_EQ(base::to_hex(initiator_.handshake_hash()), GetParam().handshake_hash);
  }

  auto initiator = initiator_.split();
  auto responder = responder_.split();
  for (std::size_t i = 3; i < messages.size(); ++i) {
    auto& sealer = i % 2 == 0 ? initiator.send : responder.send;
    auto& opener = i % 2 == 0 ? responder.receive : initiator.receive;
    const base::Bytes payload = from_hex(messages[i].payload);
    base::Bytes sealed(payload.size() + kTagBytes);
    ASSERT_TRUE(sealer.seal({}, payload, sealed.data()));
    EXPECT_EQ(base::to_hex(sealed), messages[i].ciphertext);
    ASSERT_TRUE(opener.open({}, sealed, sealed.data()));
    sealed.resize(payload.size());
    EXPECT_EQ(sealed, payload);
  }
}

TEST_P(NoiseVectors, EveryChangedByteOfASealedMessageIsNoticed) {
  const auto& messages = GetParam().messages;
  ASSERT_TRUE(responder_.read_message(from_hex(messages[0].ciphertext)));
  const auto message = responder_.write_message(from_hex(messages[1].payload));
  for (std::size_t at = 0; at < message->size(); ++at) {
    HandshakeState initiator(Role::kInitiator, from_hex(GetParam().prologue), pair_from_hex(GetParam().init_static),
                             pair_from_hex(GetParam().init_ephemeral));
    ASSERT_TRUE(initiator.write_message(from_hex(messages[0].payload)));
    base::Bytes changed = *message;
    changed[at] ^= 1;
    const auto payload = initiator.read_message(changed);
    ASSERT_FALSE(payload) << at;
    EXPECT_EQ(payload.error(), Error::kHandshakeFailed);
  }
}

TEST_P(NoiseVectors, EveryTruncationIsNoticed) {
  const base::Bytes message = from_hex(GetParam().messages[1].ciphertext);
  for (std::size_t size = 0; size < message.size(); ++size) {
    HandshakeState initiator(Role::kInitiator, from_hex(GetParam().prologue), pair_from_hex(GetParam().init_static),
                             pair_from_hex(GetParam().init_ephemeral));
    ASSERT_TRUE(initiator.write_message(from_hex(GetParam().messages[0].payload)));
    const auto payload = initiator.read_message(base::ConstBytes(message).first(size));
    ASSERT_FALSE(payload) << size;
    EXPECT_EQ(payload.error(), Error::kHandshakeFailed);
  }
}

INSTANTIATE_TEST_SUITE_P(Published, NoiseVectors, ::testing::ValuesIn(kVectors));

TEST(HandshakeState, AnotherPrologueFails) {
  HandshakeState initiator(Role::kInitiator, base::as_bytes("a"), KeyPair::generate());
  HandshakeState responder(Role::kResponder, base::as_bytes("b"), KeyPair::generate());
  ASSERT_TRUE(responder.read_message(*initiator.write_message({})));
  EXPECT_FALSE(initiator.read_message(*responder.write_message({})));
}

TEST(HandshakeState, AKeyOfSmallOrderFails) {
  HandshakeState responder(Role::kResponder, {}, KeyPair::generate());
  const base::Bytes zero_key(kBlockBytes);
  ASSERT_TRUE(responder.read_message(zero_key));
  const auto message = responder.write_message({});
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error(), Error::kHandshakeFailed);
}

TEST(CipherState, MessagesOpenInTheOrderInWhichTheyWereSealed) {
  const SecretBlock key(KeyPair::generate().public_key);
  CipherState sealer(CipherState::Use::kSeal, key);
  CipherState opener(CipherState::Use::kOpen, key);
  base::Bytes first(1 + kTagBytes);
  base::Bytes second(1 + kTagBytes);
  ASSERT_TRUE(sealer.seal({}, base::as_bytes("a"), first.data()));
  ASSERT_TRUE(sealer.seal({}, base::as_bytes("b"), second.data()));
  EXPECT_NE(first, second);
  EXPECT_FALSE(opener.open({}, second, second.data()));
}

TEST(CipherState, EverySizeComesBack) {
  const SecretBlock key(KeyPair::generate().public_key);
  CipherState sealer(CipherState::Use::kSeal, key);
  CipherState opener(CipherState::Use::kOpen, key);
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{17},
                           std::size_t{16383}, std::size_t{16384}, std::size_t{16385}, kPlaintextMaxBytes}) {
    base::Bytes plaintext(size);
    base::random_bytes(plaintext);
    base::Bytes sealed(size + kTagBytes);
    ASSERT_TRUE(sealer.seal({}, plaintext, sealed.data()));
    base::Bytes opened(size);
    ASSERT_TRUE(opener.open({}, sealed, opened.data())) << size;
    EXPECT_EQ(opened, plaintext);
  }
}

TEST(CipherState, RefusesToReuseANonce) {
  const SecretBlock key(KeyPair::generate().public_key);
  CipherState sealer(CipherState::Use::kSeal, key);
  CipherState opener(CipherState::Use::kOpen, key);
  sealer.set_nonce(std::numeric_limits<std::uint64_t>::max() - 1);
  opener.set_nonce(std::numeric_limits<std::uint64_t>::max() - 1);
  base::Bytes sealed(kTagBytes);
  EXPECT_TRUE(sealer.seal({}, {}, sealed.data()));
  EXPECT_TRUE(opener.open({}, sealed, sealed.data()));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(sealer.seal({}, {}, sealed.data()).error(), Error::kConnectionClosed);
    EXPECT_EQ(opener.open({}, sealed, sealed.data()).error(), Error::kConnectionClosed);
  }
}

}  // namespace
}  // namespace libp2p::noise
