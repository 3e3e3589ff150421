#include "libp2p/negotiation/multistream_message.h"

#include "libp2p/core/error.h"
#include "multiformats/errors.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

using Kind = MultistreamMessage::Kind;

std::string encode(const MultistreamMessage& message) {
  base::Bytes bytes;
  append_multistream_message(bytes, message);
  return std::string(base::as_text(bytes));
}

base::Result<MultistreamMessage> parse(std::string_view line) {
  return parse_multistream_message(base::as_bytes(line));
}

base::Result<std::size_t> parse_length(std::string_view prefix) {
  return parse_multistream_length(base::as_bytes(prefix));
}

TEST(MultistreamMessage, EncodesAsTheSpecShows) {
  EXPECT_EQ(encode({Kind::kNotAvailable, {}}), "\x03na\n");
  EXPECT_EQ(encode({Kind::kList, {}}), "\x03ls\n");
  EXPECT_EQ(encode({Kind::kHeader, {}}), "\x13/multistream/1.0.0\n");
  EXPECT_EQ(encode({Kind::kProtocol, "/noise"}), "\x07/noise\n");
}

TEST(MultistreamMessage, ParsesWhatItEncodes) {
  EXPECT_EQ(parse("na\n")->kind, Kind::kNotAvailable);
  EXPECT_EQ(parse("ls\n")->kind, Kind::kList);
  EXPECT_EQ(parse("/multistream/1.0.0\n")->kind, Kind::kHeader);
  EXPECT_EQ(*parse("/noise\n"), (MultistreamMessage{Kind::kProtocol, "/noise"}));
}

TEST(MultistreamMessage, ListsProtocolsInsideOneLine) {
  base::Bytes bytes;
  const std::vector<std::string> protocols{"/a", "/bc"};
  append_multistream_list(bytes, protocols);
  EXPECT_EQ(base::as_text(bytes), "\x0a\x03/a\n\x04/bc\n\n");
}

TEST(MultistreamMessage, RefusesLinesThatAreNoneOfThese) {
  for (std::string_view line : {"", "\n", "na", "noise\n", "/noise", "/a\n/b\n", "NA\n", " /noise\n"}) {
    auto message = parse(line);
    ASSERT_FALSE(message) << line;
    EXPECT_EQ(message.error(), Error::kMalformedMessage) << line;
  }
}

TEST(MultistreamMessage, BoundsTheLength) {
  EXPECT_EQ(*parse_length("\x07"), 7u);
  EXPECT_EQ(*parse_length("\x80\x08"), kMultistreamLineMaxBytes);
  EXPECT_EQ(parse_length("\x81\x08").error(), Error::kMessageTooLong);
  EXPECT_EQ(parse_length("\xff\xff").error(), Error::kMessageTooLong);
  EXPECT_EQ(parse_length("\x80").error(), multiformats::Errc::kIncomplete);
  EXPECT_EQ(parse_length("").error(), multiformats::Errc::kIncomplete);
  EXPECT_EQ(parse_length(std::string_view("\0", 1)).error(), Error::kMalformedMessage);
  EXPECT_EQ(parse_length(std::string_view("\x83\0", 2)).error(), Error::kMalformedMessage) << "not minimal";
}

TEST(MultistreamMessage, TheLongestProtocolFitsExactly) {
  const std::string longest = "/" + std::string(kMultistreamLineMaxBytes - 2, 'x');
  EXPECT_TRUE(is_multistream_protocol(longest));
  EXPECT_FALSE(is_multistream_protocol(longest + "x"));
  const std::string line = encode({Kind::kProtocol, longest});
  EXPECT_EQ(*parse_length(line), kMultistreamLineMaxBytes);
  EXPECT_EQ(parse(line.substr(2))->protocol, longest);
}

TEST(MultistreamMessage, ProtocolsBeginWithASlash) {
  EXPECT_FALSE(is_multistream_protocol(""));
  EXPECT_FALSE(is_multistream_protocol("noise"));
  EXPECT_FALSE(is_multistream_protocol("/no\nise"));
}

}  // namespace
}  // namespace libp2p
