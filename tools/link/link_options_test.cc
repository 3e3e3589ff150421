#include "tools/link/link_options.h"

#include <gtest/gtest.h>

namespace kvp2p::link {
namespace {

using namespace std::chrono_literals;

TEST(LinkOptions, Rates) {
  EXPECT_EQ(parse_rate("1gbit"), 1'000'000'000u);
  EXPECT_EQ(parse_rate("2.5gbit"), 2'500'000'000u);
  EXPECT_EQ(parse_rate("100mbit"), 100'000'000u);
  EXPECT_EQ(parse_rate("9600bit"), 9600u);
  for (const char* bad : {"", "gbit", "1", "1gb", "1 gbit", "0bit", "-1gbit", "1001gbit", "nanbit", "infgbit"}) {
    EXPECT_FALSE(parse_rate(bad)) << bad;
  }
}

TEST(LinkOptions, Durations) {
  EXPECT_EQ(parse_duration("0"), 0s);
  EXPECT_EQ(parse_duration("20ms"), 20ms);
  EXPECT_EQ(parse_duration("1.5ms"), 1500us);
  EXPECT_EQ(parse_duration("5s"), 5s);
  for (const char* bad : {"", "5", "ms", "-1s", "2days", "86401s"}) EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(LinkOptions, Bytes) {
  EXPECT_EQ(parse_bytes("65536"), 65536u);
  EXPECT_EQ(parse_bytes("64KiB"), 65536u);
  EXPECT_EQ(parse_bytes("4MiB"), 4u << 20);
  for (const char* bad : {"", "MiB", "4MB", "-1", "1e30"}) EXPECT_FALSE(parse_bytes(bad)) << bad;
}

TEST(LinkOptions, Probabilities) {
  EXPECT_DOUBLE_EQ(parse_probability("0.25").value(), 0.25);
  EXPECT_DOUBLE_EQ(parse_probability("1%").value(), 0.01);
  for (const char* bad : {"", "1.5", "-0.1", "101%", "one"}) EXPECT_FALSE(parse_probability(bad)) << bad;
}

TEST(LinkOptions, Outages) {
  const auto timed = parse_outage("2s:5s");
  ASSERT_TRUE(timed);
  EXPECT_EQ(timed->at, 2s);
  EXPECT_EQ(timed->duration, 5s);
  const auto in_the_middle = parse_outage("32MiB:5s");
  ASSERT_TRUE(in_the_middle);
  EXPECT_FALSE(in_the_middle->at);
  EXPECT_EQ(in_the_middle->at_bytes, 32u << 20);
  for (const char* bad : {"", "5s", ":5s", "2s:", "2s:5", "x:5s"}) EXPECT_FALSE(parse_outage(bad)) << bad;
}

}  // namespace
}  // namespace kvp2p::link
