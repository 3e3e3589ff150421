#include "libp2p/security/noise/noise_frames.h"

#include "libp2p/core/error.h"
#include "libp2p/security/noise/noise_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

namespace libp2p::noise {
namespace {

class NoiseFramesTest : public ::testing::Test {
 protected:
  static base::Bytes random(std::size_t size) {
    base::Bytes bytes(size);
    base::random_bytes(bytes);
    return bytes;
  }
  base::Bytes seal(std::span<const base::ConstBytes> buffers) {
    base::Bytes wire;
    GatherCursor cursor(buffers);
    while (!cursor.done()) base::append(wire, sealer_.seal_some(cursor).value());
    return wire;
  }
  base::Bytes seal(base::ConstBytes bytes) { return seal(std::span<const base::ConstBytes>(&bytes, 1)); }
  static std::vector<std::size_t> frame_sizes(base::ConstBytes wire) {
    std::vector<std::size_t> sizes;
    while (!wire.empty()) {
      sizes.push_back(base::load_be16(wire.data()) - kTagBytes);
      wire = wire.subspan(kFramePrefixBytes + kTagBytes + sizes.back());
    }
    return sizes;
  }
  void receive(base::ConstBytes wire) {
    const base::MutableBytes space = opener_.space();
    ASSERT_LE(wire.size(), space.size());
    std::copy(wire.begin(), wire.end(), space.begin());
    opener_.received(wire.size());
  }

  SecretBlock key_{KeyPair::generate().public_key};
  FrameSealer sealer_{CipherState(CipherState::Use::kSeal, key_)};
  FrameOpener opener_{CipherState(CipherState::Use::kOpen, key_)};
};

TEST_F(NoiseFramesTest, ShortBuffersShareAFrame) {
  const base::Bytes a = random(12);
  const base::Bytes b = random(100);
  const base::ConstBytes buffers[] = {a, {}, b};
  EXPECT_EQ(frame_sizes(seal(buffers)), (std::vector<std::size_t>{112}));
}

TEST_F(NoiseFramesTest, ALargeBufferBeginsAFrameOfItsOwn) {
  const base::Bytes header = random(12);
  const base::Bytes payload = random(65536);
  const base::ConstBytes buffers[] = {header, payload, header};
  EXPECT_EQ(frame_sizes(seal(buffers)), (std::vector<std::size_t>{12, kPlaintextMaxBytes, 17 + 12}));
}

TEST_F(NoiseFramesTest, AWholeFrameIsOpenedWhereTheCallerWantsIt) {
  const base::Bytes payload = random(kPlaintextMaxBytes);
  receive(seal(payload));
  base::Bytes into(kPlaintextMaxBytes);
  ASSERT_EQ(opener_.read(into).value(), kPlaintextMaxBytes);
  EXPECT_EQ(into, payload);
  EXPECT_EQ(opener_.read(into).value(), 0u);
  EXPECT_FALSE(opener_.inside_frame());
}

TEST_F(NoiseFramesTest, OneReadTakesSeveralFrames) {
  base::Bytes wire;
  base::Bytes expected;
  for (int i = 0; i < 5; ++i) {
    const base::Bytes part = random(1000);
    base::append(wire, seal(part));
    base::append(expected, part);
  }
  receive(wire);
  base::Bytes into(5500);
  ASSERT_EQ(opener_.read(into).value(), 5000u);
  into.resize(5000);
  EXPECT_EQ(into, expected);
}

TEST_F(NoiseFramesTest, EmptyFramesAreNoEndOfStream) {
  base::Bytes wire(kFramePrefixBytes + kTagBytes);
  CipherState cipher(CipherState::Use::kSeal, key_);
  base::store_be16(wire.data(), kTagBytes);
  ASSERT_TRUE(cipher.seal({}, {}, wire.data() + kFramePrefixBytes));
  receive(wire);
  base::Bytes into(10);
  EXPECT_EQ(opener_.read(into).value(), 0u);
  EXPECT_FALSE(opener_.inside_frame());
}

TEST_F(NoiseFramesTest, TooManyEmptyFramesFail) {
  CipherState cipher(CipherState::Use::kSeal, key_);
  base::Bytes wire;
  for (int i = 0; i <= kEmptyFramesMax; ++i) {
    base::Bytes frame(kFramePrefixBytes + kTagBytes);
    base::store_be16(frame.data(), kTagBytes);
    ASSERT_TRUE(cipher.seal({}, {}, frame.data() + kFramePrefixBytes));
    base::append(wire, frame);
  }
  receive(wire);
  base::Bytes into(10);
  EXPECT_EQ(opener_.read(into).error(), Error::kProtocolViolation);
}

TEST_F(NoiseFramesTest, AnySplitOfTheBytesAndOfTheReadsGivesTheSamePlaintext) {
  std::mt19937 random_source(1);
  const auto up_to = [&](std::size_t max) { return std::uniform_int_distribution<std::size_t>(1, max)(random_source); };
  base::Bytes sent;
  base::Bytes wire;
  while (sent.size() < 3'000'000) {
    const base::Bytes a = random(up_to(200));
    const base::Bytes b = random(up_to(150'000));
    const base::ConstBytes buffers[] = {a, b};
    base::append(wire, seal(buffers));
    base::append(sent, a);
    base::append(sent, b);
  }
  base::Bytes got;
  base::Bytes into(200'000);
  base::ConstBytes rest = wire;
  for (;;) {
    const std::size_t size = up_to(random_source() % 2 ? 300 : into.size());
    const bool is_readable = opener_.is_readable();
    const std::size_t count = opener_.read(base::MutableBytes(into).first(size)).value();
    ASSERT_EQ(count > 0, is_readable);
    if (random_source() % 2) opener_.release_buffer();
    base::append(got, base::ConstBytes(into).first(count));
    if (count > 0) continue;
    if (rest.empty()) break;
    const std::size_t part = std::min({up_to(random_source() % 2 ? 20 : 300'000), rest.size(), opener_.space().size()});
    receive(rest.first(part));
    rest = rest.subspan(part);
  }
  EXPECT_FALSE(opener_.inside_frame());
  EXPECT_TRUE(got == sent);
}

TEST_F(NoiseFramesTest, ABadFrameIsReadable) {
  receive(base::Bytes{0, kTagBytes - 1});
  opener_.release_buffer();
  EXPECT_TRUE(opener_.is_readable());
  base::Bytes into(10);
  EXPECT_FALSE(opener_.read(into));
  EXPECT_TRUE(opener_.is_readable()) << "the error stays";
}

TEST_F(NoiseFramesTest, ABadFrameFailsAfterTheGoodOnesBeforeIt) {
  base::Bytes wire = seal(random(100));
  base::Bytes bad = seal(random(100));
  bad[50] ^= 1;
  base::append(wire, bad);
  base::append(wire, seal(random(100)));
  receive(wire);
  base::Bytes into(1000);
  EXPECT_EQ(opener_.read(into).value(), 100u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(opener_.read(into).error(), Error::kProtocolViolation);
}

TEST_F(NoiseFramesTest, ABadFrameFailsWhenOpenedInPlaceToo) {
  base::Bytes wire = seal(random(100));
  wire.back() ^= 0x80;
  receive(wire);
  base::Bytes into(1);
  EXPECT_EQ(opener_.read(into).error(), Error::kProtocolViolation);
}

TEST_F(NoiseFramesTest, AFrameTooShortForItsTagFails) {
  const base::Bytes wire{0, kTagBytes - 1};
  receive(wire);
  base::Bytes into(10);
  EXPECT_EQ(opener_.read(into).error(), Error::kProtocolViolation) << "before the rest of it has come";
}

TEST_F(NoiseFramesTest, UsedUpNoncesFail) {
  CipherState cipher(CipherState::Use::kSeal, key_);
  cipher.set_nonce(std::numeric_limits<std::uint64_t>::max());
  FrameSealer sealer(std::move(cipher));
  const base::Bytes bytes = random(10);
  const base::ConstBytes buffers[] = {bytes};
  GatherCursor cursor(buffers);
  EXPECT_EQ(sealer.seal_some(cursor).error(), Error::kConnectionClosed);
}

TEST_F(NoiseFramesTest, ReorderedFramesFail) {
  const base::Bytes first = seal(random(10));
  base::Bytes wire = seal(random(10));
  base::append(wire, first);
  receive(wire);
  base::Bytes into(100);
  EXPECT_EQ(opener_.read(into).error(), Error::kProtocolViolation);
}

TEST_F(NoiseFramesTest, LargeBuffersInARowFillFramesAcrossTheirBounds) {
  const base::Bytes header = random(12);
  const base::Bytes payload = random(32768);
  const base::ConstBytes buffers[] = {header, payload, payload, payload, payload, header};
  const base::Bytes wire = seal(buffers);
  EXPECT_EQ(frame_sizes(wire), (std::vector<std::size_t>{12, kPlaintextMaxBytes, kPlaintextMaxBytes, 34 + 12}));
  receive(wire);
  base::Bytes expected;
  for (const base::ConstBytes buffer : buffers) base::append(expected, buffer);
  base::Bytes into(200'000);
  into.resize(opener_.read(into).value());
  EXPECT_EQ(into, expected);
}

TEST_F(NoiseFramesTest, BuffersOfMiddlingSizeKeepTheirFrames) {
  const base::Bytes header = random(FrameSealer::kOwnFrameMinBytes);
  const base::Bytes payload = random(20'000);
  const base::ConstBytes buffers[] = {header, payload, header};
  EXPECT_EQ(frame_sizes(seal(buffers)), (std::vector<std::size_t>{header.size(), 20'000, header.size()}));
}

/// With threads that help, and without.
class NoiseBatchTest : public ::testing::TestWithParam<unsigned> {
 protected:
  static constexpr std::size_t kCount = 6;

  CipherState cipher(CipherState::Use use, std::uint64_t nonce = 0) {
    CipherState cipher(use, key_);
    cipher.use_pool(pool_);
    cipher.set_nonce(nonce);
    return cipher;
  }
  /// kCount frames of random plaintext, which is kept.
  base::Bytes make_wire() {
    plaintext_.resize(kCount * kPlaintextMaxBytes);
    base::random_bytes(plaintext_);
    FrameSealer sealer(cipher(CipherState::Use::kSeal));
    const base::ConstBytes whole(plaintext_);
    GatherCursor cursor({&whole, 1});
    base::Bytes wire = base::to_bytes(sealer.seal_some(cursor).value());
    EXPECT_TRUE(cursor.done());
    return wire;
  }
  base::ConstBytes plaintext(std::size_t frames) const {
    return base::ConstBytes(plaintext_).first(frames * kPlaintextMaxBytes);
  }
  static void receive(FrameOpener& opener, base::ConstBytes wire) {
    ASSERT_LE(wire.size(), opener.space().size());
    std::copy(wire.begin(), wire.end(), opener.space().begin());
    opener.received(wire.size());
  }

  base::ParallelPool pool_{GetParam()};
  SecretBlock key_{KeyPair::generate().public_key};
  base::Bytes plaintext_;
};

TEST_P(NoiseBatchTest, SealsWhatOneAfterTheOtherWouldSeal) {
  const base::Bytes wire = make_wire();
  CipherState alone(CipherState::Use::kSeal, key_);
  base::Bytes frame(kMessageMaxBytes);
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(alone.seal({}, plaintext(kCount).subspan(i * kPlaintextMaxBytes, kPlaintextMaxBytes), frame.data()));
    const std::size_t at = i * kFrameMaxBytes + kFramePrefixBytes;
    EXPECT_TRUE(std::equal(frame.begin(), frame.end(), wire.begin() + static_cast<std::ptrdiff_t>(at))) << i;
  }
}

TEST_P(NoiseBatchTest, OpensAllThatFits) {
  FrameOpener opener(cipher(CipherState::Use::kOpen));
  receive(opener, make_wire());
  base::Bytes into(4 * kPlaintextMaxBytes + 1);
  ASSERT_EQ(opener.read(into).value(), 4 * kPlaintextMaxBytes);
  EXPECT_TRUE(std::ranges::equal(plaintext(4), base::ConstBytes(into).first(4 * kPlaintextMaxBytes)));
  ASSERT_EQ(opener.read(into).value(), 2 * kPlaintextMaxBytes);
  EXPECT_TRUE(std::ranges::equal(plaintext(6).subspan(4 * kPlaintextMaxBytes),
                                 base::ConstBytes(into).first(2 * kPlaintextMaxBytes)));
  EXPECT_FALSE(opener.inside_frame());
}

TEST_P(NoiseBatchTest, WhatCameBeforeABadFrameIsGood) {
  base::Bytes sealed = make_wire();
  for (std::size_t bad = 0; bad < kCount; ++bad) {
    base::Bytes wire = sealed;
    wire[bad * kFrameMaxBytes + 1000 * bad + 50] ^= 1;
    wire.back() ^= 1;  // the last one is bad too
    FrameOpener opener(cipher(CipherState::Use::kOpen));
    receive(opener, wire);
    base::Bytes into(plaintext_.size());
    if (bad > 0) {
      ASSERT_EQ(opener.read(into).value(), bad * kPlaintextMaxBytes);
      EXPECT_TRUE(std::ranges::equal(plaintext(bad), base::ConstBytes(into).first(bad * kPlaintextMaxBytes)));
    }
    for (int i = 0; i < 2; ++i) EXPECT_EQ(opener.read(into).error(), Error::kProtocolViolation);
  }
}

TEST_P(NoiseBatchTest, NothingIsSentOnceTheNoncesRunOut) {
  FrameSealer sealer(cipher(CipherState::Use::kSeal, std::numeric_limits<std::uint64_t>::max() - 2));
  const base::Bytes bytes(3 * kPlaintextMaxBytes);
  const base::ConstBytes whole(bytes);
  GatherCursor cursor({&whole, 1});
  EXPECT_EQ(sealer.seal_some(cursor).error(), Error::kConnectionClosed);
  GatherCursor again(std::span<const base::ConstBytes>(&whole, 1));
  EXPECT_EQ(sealer.seal_some(again).error(), Error::kConnectionClosed);
}

TEST_P(NoiseBatchTest, OpensUntilTheNoncesRunOut) {
  constexpr std::uint64_t kFirst = std::numeric_limits<std::uint64_t>::max() - 2;
  const base::Bytes text(kPlaintextMaxBytes, 7);
  base::Bytes wire(3 * kFrameMaxBytes);
  CipherState sealing = cipher(CipherState::Use::kSeal, kFirst);
  for (std::size_t i = 0; i < 3; ++i) {
    std::uint8_t* const at = wire.data() + i * kFrameMaxBytes;
    base::store_be16(at, kMessageMaxBytes);
    EXPECT_EQ(sealing.seal({}, text, at + kFramePrefixBytes).has_value(), i < 2);
  }
  FrameOpener opener(cipher(CipherState::Use::kOpen, kFirst));
  receive(opener, wire);
  base::Bytes into(3 * kPlaintextMaxBytes);
  EXPECT_EQ(opener.read(into).value(), 2 * kPlaintextMaxBytes);
  EXPECT_EQ(opener.read(into).error(), Error::kConnectionClosed);
}

INSTANTIATE_TEST_SUITE_P(Helpers, NoiseBatchTest, ::testing::Values(0u, 1u, 3u));

TEST(GatherCursor, SkipsEmptyBuffers) {
  const base::Bytes bytes{1, 2};
  const base::ConstBytes buffers[] = {{}, bytes, {}, {}};
  GatherCursor cursor(buffers);
  ASSERT_FALSE(cursor.done());
  cursor.take(1);
  ASSERT_FALSE(cursor.done());
  EXPECT_EQ(cursor.front().size(), 1u);
  cursor.take(1);
  EXPECT_TRUE(cursor.done());
  EXPECT_TRUE(GatherCursor(std::span(buffers).first(1)).done());
}

}  // namespace
}  // namespace libp2p::noise
