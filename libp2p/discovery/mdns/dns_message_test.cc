#include "libp2p/discovery/mdns/dns_message.h"

#include "libp2p/core/error.h"

#include <gtest/gtest.h>

namespace libp2p::mdns {
namespace {

/// A message that has these counts and this body.
base::Bytes message(std::uint16_t questions, std::uint16_t answers, std::string_view body) {
  base::Bytes bytes(12);
  bytes[2] = answers ? 0x84 : 0;
  base::store_be16(bytes.data() + 4, questions);
  base::store_be16(bytes.data() + 6, answers);
  base::append(bytes, base::as_bytes(body));
  return bytes;
}

using namespace std::string_literals;

TEST(DnsMessage, AQueryIsWrittenAsRfc1035Says) {
  DnsMessage query;
  query.questions.push_back({DnsName::from_text("_p2p._udp.local"), DnsType::kPtr, kDnsClassIn, true});
  EXPECT_EQ(base::as_text(serialise_dns_message(query)), "\0\0\0\0\0\1\0\0\0\0\0\0\4_p2p\4_udp\5local\0\0\x0c\x80\1"s);
}

TEST(DnsMessage, WhatIsWrittenIsRead) {
  const DnsName service = DnsName::from_text("_p2p._udp.local");
  const DnsName peer = service.child("abc.def");  // one label, in spite of the dot
  const DnsName host = DnsName::from_text("abc.local.");
  DnsMessage written;
  written.id = 77;
  written.is_response = true;
  written.is_authoritative = true;
  written.answers.push_back({service, kDnsClassIn, false, 120, DnsPtr{peer}});
  written.authorities.push_back({host, kDnsClassIn, true, 1, DnsA{{1, 2, 3, 4}}});
  written.additionals.push_back({peer, kDnsClassIn, true, 0xffffffff, DnsTxt{{"a=1", "", "b"}}});
  written.additionals.push_back({peer, kDnsClassIn, true, 120, DnsSrv{1, 2, 65535, host}});
  written.additionals.push_back({host, kDnsClassIn, true, 120, DnsAaaa{{0xfe, 0x80}}});
  const auto read = parse_dns_message(serialise_dns_message(written));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, 77);
  EXPECT_TRUE(read->is_response);
  EXPECT_TRUE(read->is_authoritative);
  ASSERT_EQ(read->answers.size(), 1u);
  EXPECT_EQ(read->answers[0].name, service);
  EXPECT_EQ(std::get<DnsPtr>(read->answers[0].data).target, peer);
  ASSERT_EQ(read->authorities.size(), 1u);
  EXPECT_TRUE(read->authorities[0].cache_flush);
  EXPECT_EQ(std::get<DnsA>(read->authorities[0].data).address[3], 4);
  ASSERT_EQ(read->additionals.size(), 3u);
  EXPECT_EQ(read->additionals[0].ttl_s, 0xffffffff);
  EXPECT_EQ(std::get<DnsTxt>(read->additionals[0].data).strings, (std::vector<std::string>{"a=1", "", "b"}));
  EXPECT_EQ(std::get<DnsSrv>(read->additionals[1].data).port, 65535);
  EXPECT_EQ(std::get<DnsSrv>(read->additionals[1].data).target, host);
  EXPECT_EQ(std::get<DnsAaaa>(read->additionals[2].data).address[1], 0x80);
}

TEST(DnsMessage, NamesCompareWithoutCase) {
  EXPECT_EQ(DnsName::from_text("_P2P._udp.LOCAL"), DnsName::from_text("_p2p._UDP.local"));
  EXPECT_FALSE(DnsName::from_text("a.local") == DnsName::from_text("b.local"));
  EXPECT_FALSE(DnsName::from_text("a.local") == DnsName::from_text("a.local.b"));
}

TEST(DnsMessage, CompressedNamesAreRead) {
  // _p2p.local at 12; the record's name points there, its target is "x" before it.
  const auto read =
      parse_dns_message(message(1, 1, "\4_p2p\5local\0\0\x0c\0\1\xc0\x0c\0\x0c\0\1\0\0\0\x78\0\4\1x\xc0\x0c"s));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->answers[0].name.to_text(), "_p2p.local");
  EXPECT_EQ(std::get<DnsPtr>(read->answers[0].data).target.to_text(), "x._p2p.local");
}

TEST(DnsMessage, PointersLeadBackwards) {
  EXPECT_FALSE(parse_dns_message(message(1, 0, "\xc0\x0c\0\x0c\0\1"s))) << "to itself";
  EXPECT_FALSE(parse_dns_message(message(1, 0, "\xc0\x20\0\x0c\0\1"s))) << "forwards";
  EXPECT_FALSE(parse_dns_message(message(1, 0, "\1a\xc0\x0c\0\x0c\0\1"s))) << "to its own beginning";
  EXPECT_FALSE(parse_dns_message(message(1, 0, "\xc0"s))) << "cut";
}

TEST(DnsMessage, PointersAreBounded) {
  std::string body = "\1a\0\0\x0c\0\1"s;  // 7 bytes at 12
  std::size_t previous = 12;
  std::uint16_t count = 1;
  for (; count <= kDnsPointersMax + 1; ++count) {
    const std::size_t here = 12 + body.size();
    body += static_cast<char>(0xc0 | previous >> 8);
    body += static_cast<char>(previous);
    body += "\0\x0c\0\1"s;
    previous = here;
    const auto read = parse_dns_message(message(static_cast<std::uint16_t>(count + 1), 0, body));
    ASSERT_EQ(read.has_value(), count <= kDnsPointersMax) << count;
    if (!read) {
      EXPECT_EQ(read.error(), Error::kMessageTooLong);
    }
  }
}

TEST(DnsMessage, NamesAreBounded) {
  std::string name;
  for (int i = 0; i < 3; ++i) name += "\x3f"s + std::string(63, 'a');
  const auto with = [&](std::size_t last) {
    return parse_dns_message(message(1, 0, name + static_cast<char>(last) + std::string(last, 'a') + "\0\0\x0c\0\1"s));
  };
  EXPECT_TRUE(with(61));
  EXPECT_EQ(with(62).error(), Error::kMessageTooLong);
  EXPECT_EQ(parse_dns_message(message(1, 0, "\x40"s + std::string(64, 'a') + "\0\0\x0c\0\1"s)).error(),
            Error::kMalformedMessage);
}

TEST(DnsMessage, EveryTruncationIsAnError) {
  DnsMessage written;
  written.questions.push_back({DnsName::from_text("a.local"), DnsType::kPtr, kDnsClassIn, false});
  written.answers.push_back({DnsName::from_text("b"), kDnsClassIn, false, 1, DnsTxt{{"text"}}});
  written.answers.push_back({DnsName::from_text("b"), kDnsClassIn, false, 1, DnsSrv{0, 0, 1, DnsName::from_text("c")}});
  written.answers.push_back({DnsName::from_text("b"), kDnsClassIn, false, 1, DnsAaaa{}});
  const base::Bytes bytes = serialise_dns_message(written);
  ASSERT_TRUE(parse_dns_message(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto read = parse_dns_message(base::ConstBytes(bytes).first(size));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error(), Error::kMalformedMessage);
  }
}

TEST(DnsMessage, DataFillsItsLengthExactly) {
  EXPECT_FALSE(parse_dns_message(message(0, 1, "\0\0\1\0\1\0\0\0\1\0\5\1\2\3\4\5"s))) << "A of 5 bytes";
  EXPECT_FALSE(parse_dns_message(message(0, 1, "\0\0\1\0\1\0\0\0\1\0\3\1\2\3\4\5"s))) << "A of 3 bytes";
  EXPECT_FALSE(parse_dns_message(message(0, 1, "\0\0\x10\0\1\0\0\0\1\0\2\5abcdef"s))) << "a string longer than its TXT";
  EXPECT_FALSE(parse_dns_message(message(0, 1, "\0\0\x0c\0\1\0\0\0\1\0\1\1a\0"s))) << "a name longer than its PTR";
}

TEST(DnsMessage, UnknownTypesAreSkipped) {
  const auto read = parse_dns_message(message(0, 2, "\0\0\x2f\0\1\0\0\0\1\0\3abc\0\0\1\0\1\0\0\0\1\0\4\1\2\3\4"s));
  ASSERT_TRUE(read);
  EXPECT_TRUE(std::holds_alternative<DnsOther>(read->answers[0].data));
  EXPECT_TRUE(std::holds_alternative<DnsA>(read->answers[1].data));
}

TEST(DnsMessage, SizesAndCountsAreBounded) {
  EXPECT_EQ(parse_dns_message(base::Bytes(kDnsMessageMaxBytes + 1)).error(), Error::kMessageTooLong);
  EXPECT_EQ(parse_dns_message(message(200, 57, "")).error(), Error::kMessageTooLong);
}

}  // namespace
}  // namespace libp2p::mdns
