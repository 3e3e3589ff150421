#include "libp2p/dns/address_names.h"

#include "libp2p/core/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace libp2p {
namespace {

using multiformats::Multiaddr;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr const char* kOne = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";
constexpr const char* kOther = "12D3KooWRBhwfeP2Y4TCx1SM6s9rUoHhR5STiGwxBhgFRcw3UERE";

/// Answers from a table.
class TableResolver final : public Resolver {
 public:
  base::Task<base::Result<std::vector<boost::asio::ip::address>>> resolve_addresses(std::string name, IpFamily family,
                                                                                    std::stop_token) override {
    ++lookups;
    std::vector<boost::asio::ip::address> result;
    for (const auto& text : hosts[name]) {
      const auto address = boost::asio::ip::make_address(text);
      if (family == IpFamily::kIp4 && address.is_v6()) continue;
      if (family == IpFamily::kIp6 && address.is_v4()) continue;
      result.push_back(address);
    }
    if (result.empty()) co_return Error::kNameNotFound;
    co_return result;
  }
  base::Task<base::Result<std::vector<std::string>>> resolve_texts(std::string name, std::stop_token) override {
    ++lookups;
    if (!texts.contains(name)) co_return Error::kNameLookupFailed;
    co_return texts[name];
  }

  std::map<std::string, std::vector<std::string>> hosts;
  std::map<std::string, std::vector<std::string>> texts;
  std::size_t lookups = 0;
};

class AddressNamesTest : public ::testing::Test {
 protected:
  base::Result<std::vector<std::string>> resolve(const std::string& text) {
    std::optional<base::Result<std::vector<std::string>>> result;
    base::spawn(io_.get_executor(), run(Multiaddr::from_text(text).value(), result));
    io_.restart();
    io_.poll();
    return *result;
  }

  base::Task<> run(Multiaddr address, std::optional<base::Result<std::vector<std::string>>>& result) {
    std::stop_token stop = stop_.get_token();
    auto addresses = co_await resolve_names(resolver_, address, stop);
    if (!addresses) {
      result = addresses.error();
      co_return;
    }
    std::vector<std::string> texts;
    for (const auto& each : *addresses) texts.push_back(each.to_text());
    result = texts;
  }

  boost::asio::io_context io_;
  TableResolver resolver_;
  std::stop_source stop_;
};

std::string record(const std::string& address) { return "dnsaddr=" + address; }

TEST_F(AddressNamesTest, AHostStandsForItsAddressesOfTheFamily) {
  resolver_.hosts["node.example"] = {"192.0.2.1", "2001:db8::1", "192.0.2.2"};
  const std::string rest = "/tcp/4001/p2p/" + std::string(kOne);
  EXPECT_THAT(resolve("/dns4/node.example" + rest).value(),
              ElementsAre("/ip4/192.0.2.1" + rest, "/ip4/192.0.2.2" + rest));
  EXPECT_THAT(resolve("/dns6/node.example/tcp/1").value(), ElementsAre("/ip6/2001:db8::1/tcp/1"));
  EXPECT_THAT(resolve("/dns/node.example/tcp/1").value(), SizeIs(3));
  EXPECT_EQ(resolve("/dns4/nobody.example/tcp/1").error(), Error::kNameNotFound);
}

TEST_F(AddressNamesTest, WhatBeginsWithNoNameIsThereAlready) {
  EXPECT_FALSE(begins_with_name(Multiaddr::from_text("/ip4/192.0.2.1/tcp/1").value()));
  EXPECT_FALSE(begins_with_name(Multiaddr()));
  EXPECT_TRUE(begins_with_name(Multiaddr::from_text("/dnsaddr/example").value()));
}

TEST_F(AddressNamesTest, ADnsaddrLeadsOnToOthersAndToHosts) {
  const std::string peer = "/p2p/" + std::string(kOne);
  resolver_.texts["_dnsaddr.example"] = {record("/dnsaddr/a.example" + peer), "v=spf1 -all",
                                         record("/dns4/node.example/tcp/2" + peer)};
  resolver_.texts["_dnsaddr.a.example"] = {record("/ip6/2001:db8::1/tcp/1" + peer), record("not an address")};
  resolver_.hosts["node.example"] = {"192.0.2.1"};
  EXPECT_THAT(resolve("/dnsaddr/example").value(),
              ElementsAre("/ip6/2001:db8::1/tcp/1" + peer, "/ip4/192.0.2.1/tcp/2" + peer));
}

TEST_F(AddressNamesTest, OnlyTheWantedPeerIsTaken) {
  const std::string wanted = "/p2p/" + std::string(kOne);
  resolver_.texts["_dnsaddr.example"] = {record("/ip4/192.0.2.1/tcp/1" + wanted),
                                         record("/ip4/192.0.2.2/tcp/1/p2p/" + std::string(kOther)),
                                         record("/ip4/192.0.2.3/tcp/1")};
  EXPECT_THAT(resolve("/dnsaddr/example" + wanted).value(), ElementsAre("/ip4/192.0.2.1/tcp/1" + wanted));
  EXPECT_THAT(resolve("/dnsaddr/example").value(), SizeIs(3));
}

TEST_F(AddressNamesTest, ALoopOfRecordsEnds) {
  resolver_.texts["_dnsaddr.a"] = {record("/dnsaddr/b")};
  resolver_.texts["_dnsaddr.b"] = {record("/dnsaddr/a"), record("/dnsaddr/b")};
  EXPECT_EQ(resolve("/dnsaddr/a").error(), Error::kNameNotFound);
  EXPECT_LE(resolver_.lookups, kNameLookupsMax);
}

TEST_F(AddressNamesTest, AChainIsFollowedSoFar) {
  for (std::size_t i = 0; i <= kNameDepthMax; ++i) {
    resolver_.texts["_dnsaddr.n" + std::to_string(i)] = {record("/dnsaddr/n" + std::to_string(i + 1))};
  }
  const std::string last = "_dnsaddr.n" + std::to_string(kNameDepthMax);
  resolver_.texts[last] = {record("/ip4/192.0.2.1/tcp/1")};
  EXPECT_THAT(resolve("/dnsaddr/n0").value(), SizeIs(1));
  resolver_.texts["_dnsaddr.before"] = {record("/dnsaddr/n0")};
  EXPECT_EQ(resolve("/dnsaddr/before").error(), Error::kNameNotFound);
}

TEST_F(AddressNamesTest, LookupsAndResultsAreBounded) {
  for (int i = 0; i < 200; ++i) {
    const std::string host = "h" + std::to_string(i);
    resolver_.texts["_dnsaddr.example"].push_back(record("/dns4/" + host + "/tcp/1"));
    for (int j = 1; j < 200; ++j) resolver_.hosts[host].push_back("192.0.2." + std::to_string(j));
  }
  EXPECT_THAT(resolve("/dnsaddr/example").value(), SizeIs(kNamedAddressesMax));
  EXPECT_EQ(resolver_.lookups, kNameLookupsMax);
}

TEST_F(AddressNamesTest, AFailureIsToldIfNothingIsFound) {
  EXPECT_EQ(resolve("/dnsaddr/broken").error(), Error::kNameLookupFailed);
  resolver_.texts["_dnsaddr.example"] = {record("/dnsaddr/broken"), record("/ip4/192.0.2.1/tcp/1")};
  EXPECT_THAT(resolve("/dnsaddr/example").value(), SizeIs(1)) << "the rest is good";
}

TEST_F(AddressNamesTest, StoppedItFindsNothing) {
  stop_.request_stop();
  EXPECT_EQ(resolve("/dns4/node.example/tcp/1").error(), Error::kClosing);
  EXPECT_EQ(resolver_.lookups, 0u);
}

TEST(DnsaddrRecordTest, OnlyRecordsWithAGoodAddressAreRead) {
  EXPECT_EQ(parse_dnsaddr_record("dnsaddr=/ip4/192.0.2.1/tcp/1"), Multiaddr::from_text("/ip4/192.0.2.1/tcp/1").value());
  for (const char* bad : {"", "dnsaddr", "dnsaddr=", "dnsaddr=/", "DNSADDR=/ip4/192.0.2.1", "/ip4/192.0.2.1",
                          "dnsaddr= /ip4/192.0.2.1", "dnsaddr=/ip4/192.0.2.1/tcp", "dnsaddr=/nothing/1"}) {
    EXPECT_FALSE(parse_dnsaddr_record(bad)) << bad;
  }
}

}  // namespace
}  // namespace libp2p
