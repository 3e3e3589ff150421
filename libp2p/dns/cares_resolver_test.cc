// The resolver against a name server of the test's own, and the hosts file.
#include "libp2p/dns/cares_resolver.h"

#include "libp2p/core/error.h"
#include "libp2p/discovery/mdns/dns_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/ip/udp.hpp>

#include <functional>

namespace libp2p {
namespace {

using boost::asio::ip::udp;
using mdns::DnsMessage;
using mdns::DnsName;
using mdns::DnsRecord;
using mdns::DnsType;
using ::testing::ElementsAre;
using ::testing::SizeIs;

template <class T>
base::Task<> store_result(base::Task<T> task, std::optional<T>& into) {
  into.emplace(co_await std::move(task));
}

/// An answer that belongs to the query, to be filled.
DnsMessage reply_to(const DnsMessage& query) {
  DnsMessage reply;
  reply.id = query.id;
  reply.is_response = true;
  reply.questions = {query.questions.front()};
  return reply;
}

DnsRecord record(const DnsMessage& query, decltype(DnsRecord::data) data) {
  DnsRecord record;
  record.name = query.questions.front().name;
  record.ttl_s = 60;
  record.data = std::move(data);
  return record;
}

class CaresResolverTest : public ::testing::Test {
 protected:
  using Answer = std::function<base::Bytes(const DnsMessage& query)>;

  CaresResolverTest() { receive(); }

  template <class T>
  T run(base::Task<T> task) {
    std::optional<T> result;
    base::spawn(io_.get_executor(), store_result(std::move(task), result));
    while (!result) io_.run_one();
    return std::move(*result);
  }

  void receive() {
    server_.async_receive_from(boost::asio::buffer(packet_), client_,
                               [this](const boost::system::error_code& error, std::size_t size) {
                                 if (error) return;
                                 ++queries_;
                                 const auto query = mdns::parse_dns_message(base::ConstBytes(packet_.data(), size));
                                 if (query && !query->questions.empty() && answer_) send(answer_(*query));
                                 receive();
                               });
  }

  void send(const base::Bytes& bytes) {
    boost::system::error_code ignored;
    if (!bytes.empty()) server_.send_to(boost::asio::buffer(bytes), client_, 0, ignored);
  }

  auto addresses(IpFamily family, const std::string& name = "node.example") {
    return run(resolver_.resolve_addresses(name, family, stop_.get_token()));
  }
  auto texts() { return run(resolver_.resolve_texts("_dnsaddr.example", stop_.get_token())); }

  boost::asio::io_context io_;
  udp::socket server_{io_, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  CaresResolver resolver_{io_.get_executor(), "127.0.0.1:" + std::to_string(server_.local_endpoint().port())};
  std::stop_source stop_;
  Answer answer_;
  int queries_ = 0;

 private:
  std::array<std::uint8_t, 1500> packet_;
  udp::endpoint client_;
};

/// One address of each family.
base::Bytes both_families(const DnsMessage& query) {
  DnsMessage reply = reply_to(query);
  const DnsType type = query.questions.front().type;
  if (type == DnsType::kA) reply.answers.push_back(record(query, mdns::DnsA{{192, 0, 2, 1}}));
  if (type == DnsType::kAaaa) reply.answers.push_back(record(query, mdns::DnsAaaa{{0x20, 0x01, 0x0d, 0xb8}}));
  return mdns::serialise_dns_message(reply);
}

TEST_F(CaresResolverTest, AddressesOfBothFamiliesAreFound) {
  answer_ = both_families;
  EXPECT_THAT(addresses(IpFamily::kAny).value(), SizeIs(2));
  EXPECT_THAT(addresses(IpFamily::kIp4).value(), ElementsAre(boost::asio::ip::make_address("192.0.2.1")));
  EXPECT_THAT(addresses(IpFamily::kIp6).value(), ElementsAre(boost::asio::ip::make_address("2001:db8::")));
}

TEST_F(CaresResolverTest, TheHostsFileNeedsNoServer) {
  const auto found = addresses(IpFamily::kIp4, "localhost");
  EXPECT_THAT(found.value(), ::testing::Contains(boost::asio::ip::make_address("127.0.0.1")));
  EXPECT_EQ(queries_, 0);
}

TEST_F(CaresResolverTest, TextsAreReadAndTheStringsOfOneJoined) {
  answer_ = [](const DnsMessage& query) {
    DnsMessage reply = reply_to(query);
    reply.answers.push_back(record(query, mdns::DnsTxt{{"one"}}));
    reply.answers.push_back(record(query, mdns::DnsTxt{{"two ", "halves"}}));
    return mdns::serialise_dns_message(reply);
  };
  EXPECT_THAT(texts().value(), ElementsAre("one", "two halves"));
}

TEST_F(CaresResolverTest, ANameThatDoesNotExistIsNotFound) {
  answer_ = [](const DnsMessage& query) {
    DnsMessage reply = reply_to(query);
    reply.rcode = 3;
    return mdns::serialise_dns_message(reply);
  };
  EXPECT_EQ(addresses(IpFamily::kAny).error(), Error::kNameNotFound);
  EXPECT_EQ(texts().error(), Error::kNameNotFound);
}

TEST_F(CaresResolverTest, ANameWithoutSuchRecordsIsNotFound) {
  answer_ = [](const DnsMessage& query) { return mdns::serialise_dns_message(reply_to(query)); };
  EXPECT_EQ(addresses(IpFamily::kAny).error(), Error::kNameNotFound);
  EXPECT_EQ(texts().error(), Error::kNameNotFound);
}

TEST_F(CaresResolverTest, AServerThatRefusesIsAFailure) {
  answer_ = [](const DnsMessage& query) {
    DnsMessage reply = reply_to(query);
    reply.rcode = 5;
    return mdns::serialise_dns_message(reply);
  };
  EXPECT_EQ(addresses(IpFamily::kIp4).error(), Error::kNameLookupFailed);
}

TEST_F(CaresResolverTest, ManyRecordsAreCutOff) {
  answer_ = [](const DnsMessage& query) {
    DnsMessage reply = reply_to(query);
    for (int i = 0; i < 250; ++i) {
      const auto last = static_cast<std::uint8_t>(i);
      if (query.questions.front().type == DnsType::kTxt) {
        reply.answers.push_back(record(query, mdns::DnsTxt{{std::string(1, 'a')}}));
      } else {
        reply.answers.push_back(record(query, mdns::DnsA{{192, 0, 2, last}}));
      }
    }
    return mdns::serialise_dns_message(reply);
  };
  // What does not fit into a packet that c-ares reads is a failure too; never more than the bound.
  const auto found = addresses(IpFamily::kIp4);
  EXPECT_TRUE(!found || found->size() <= kResolvedAddressesMax);
  const auto found_texts = texts();
  EXPECT_TRUE(!found_texts || found_texts->size() <= kResolvedTextsMax);
}

TEST_F(CaresResolverTest, AliasesThatLoopLeadNowhere) {
  answer_ = [](const DnsMessage& query) {
    // node.example CNAME node.example: serialised as a PTR, whose data is a name too, and its type changed.
    DnsMessage reply = reply_to(query);
    reply.answers.push_back(record(query, mdns::DnsPtr{query.questions.front().name}));
    base::Bytes bytes = mdns::serialise_dns_message(reply);
    const std::size_t name_size = 1 + 4 + 1 + 7 + 1;
    const std::size_t type_at = 12 + name_size + 4 + name_size;
    EXPECT_EQ(base::load_be16(&bytes[type_at]), 12);
    base::store_be16(&bytes[type_at], 5);
    return bytes;
  };
  EXPECT_FALSE(addresses(IpFamily::kIp4));
}

TEST_F(CaresResolverTest, JunkIsNoAnswer) {
  int variant = 0;
  answer_ = [&](const DnsMessage& query) {
    DnsMessage reply = reply_to(query);
    reply.answers.push_back(record(query, mdns::DnsTxt{{"text"}}));
    base::Bytes bytes = mdns::serialise_dns_message(reply);
    switch (variant) {
      case 0:
        return base::Bytes(3, 0xff);
      case 1:  // a record that goes on behind the end
        bytes.resize(bytes.size() - 3);
        return bytes;
      case 2:  // a string longer than its record
        bytes[bytes.size() - 5] = 0xff;
        return bytes;
      case 3:  // more records than there are
        base::store_be16(&bytes[6], 60'000);
        return bytes;
      default:  // a name that points to itself
        bytes[12] = 0xc0;
        bytes[13] = 12;
        return bytes;
    }
  };
  for (variant = 0; variant < 5; ++variant) {
    // What c-ares takes for no answer at all would be waited out: stop.
    std::optional<base::Result<std::vector<std::string>>> result;
    std::stop_source stop;
    base::spawn(io_.get_executor(),
                store_result(resolver_.resolve_texts("_dnsaddr.example", stop.get_token()), result));
    const int before = queries_;
    while (queries_ == before) io_.run_one();
    io_.run_for(std::chrono::milliseconds(20));
    stop.request_stop();
    while (!result) io_.run_one();
    EXPECT_FALSE(*result) << variant;
  }
}

TEST_F(CaresResolverTest, AServerThatSaysNothingIsGivenUpWhenStopped) {
  std::optional<base::Result<std::vector<boost::asio::ip::address>>> result;
  base::spawn(io_.get_executor(),
              store_result(resolver_.resolve_addresses("node.example", IpFamily::kAny, stop_.get_token()), result));
  while (queries_ == 0) io_.run_one();
  EXPECT_FALSE(result);
  stop_.request_stop();
  while (!result) io_.run_one();
  EXPECT_EQ(result->error(), Error::kClosing);
  server_.close();
  io_.run_for(std::chrono::seconds(1));
  EXPECT_TRUE(io_.stopped()) << "nothing is left behind";
}

TEST_F(CaresResolverTest, NamesThatCannotBeAreNotFound) {
  for (const std::string& name : {std::string(64, 'a') + ".example", std::string("a..example")}) {
    EXPECT_FALSE(addresses(IpFamily::kIp4, name)) << name;
  }
  EXPECT_EQ(queries_, 0);
}

}  // namespace
}  // namespace libp2p
