#include "libp2p/muxers/yamux/yamux_frame.h"

#include "libp2p/core/error.h"

#include <gtest/gtest.h>

#include <array>

namespace libp2p::yamux {
namespace {

using Bytes12 = std::array<std::uint8_t, kFrameHeaderBytes>;

TEST(YamuxFrameTest, AHeaderIsTwelveBytesBigEndian) {
  Bytes12 bytes;
  encode_frame_header({FrameType::kWindowUpdate, kFlagSyn | kFlagFin, 0x01020304, 0x05060708}, bytes);
  EXPECT_EQ(bytes, (Bytes12{0, 1, 0, 5, 1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(YamuxFrameTest, WhatIsEncodedIsDecoded) {
  for (const FrameHeader& header : {
           FrameHeader{FrameType::kData, 0, 1, 0},
           FrameHeader{FrameType::kData, kFlagSyn | kFlagFin, 0xffffffff, 0xffffffff},
           FrameHeader{FrameType::kWindowUpdate, kFlagRst, 2, 7},
           FrameHeader{FrameType::kPing, kFlagSyn, 0, 9},
           FrameHeader{FrameType::kPing, kFlagAck, 0, 9},
           FrameHeader{FrameType::kGoAway, 0, 0, 2},
       }) {
    Bytes12 bytes;
    encode_frame_header(header, bytes);
    EXPECT_EQ(decode_frame_header(bytes).value(), header);
  }
}

TEST(YamuxFrameTest, WrongHeadersAreRefused) {
  const std::array<Bytes12, 8> wrong{{
      {1, 0, 0, 0, 0, 0, 0, 1},    // another version
      {0, 4, 0, 0, 0, 0, 0, 1},    // an unknown type
      {0, 255, 0, 0, 0, 0, 0, 1},  //
      {0, 0, 0, 0, 0, 0, 0, 0},    // data for the session
      {0, 1, 0, 0, 0, 0, 0, 0},    // credit for the session
      {0, 2, 0, 1, 0, 0, 0, 1},    // a ping with a stream
      {0, 2, 0, 3, 0, 0, 0, 0},    // a ping that is both request and answer
      {0, 3, 0, 0, 0, 0, 0, 1},    // a go away with a stream
  }};
  for (const Bytes12& bytes : wrong) {
    const auto decoded = decode_frame_header(bytes);
    ASSERT_FALSE(decoded) << base::to_hex(bytes);
    EXPECT_EQ(decoded.error(), Error::kProtocolViolation);
  }
}

TEST(YamuxFrameTest, UnknownFlagsAreLetThrough) {
  const Bytes12 bytes{0, 0, 0x80, 0x10, 0, 0, 0, 1, 0, 0, 0, 3};
  EXPECT_EQ(decode_frame_header(bytes).value().flags, 0x8010);
}

}  // namespace
}  // namespace libp2p::yamux
