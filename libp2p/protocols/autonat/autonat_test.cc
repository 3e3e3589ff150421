// Whole hosts: one asks whether it can be reached, others try. And those that do not keep to the protocol.
#include "libp2p/core/error.h"
#include "libp2p/core/timed_io.h"
#include "libp2p/host/host_fixture.h"
#include "libp2p/protocols/autonat/autonat_message.h"
#include "libp2p/protocols/autonat/client.h"
#include "libp2p/protocols/autonat/server.h"

namespace libp2p::autonat {
namespace {

using namespace std::chrono_literals;
using multiformats::Multiaddr;

bool any(const Multiaddr&) { return true; }

class AutonatTest : public HostTest {
 protected:
  void TearDown() override {
    for (auto& client : clients_) run(client->close());
    for (auto& server : servers_) run(server->close());
    HostTest::TearDown();
    clients_.clear();
    servers_.clear();
  }

  Host& add_node() {
    HostConfig own = config();
    HostParts own_parts = parts(own);
    Host& host = add_host(std::move(own), std::move(own_parts));
    listen(host);
    return host;
  }
  Server& add_server(Host& host, ServerConfig server = {}) {
    HostConfig own = config();
    HostParts own_parts = parts(own);
    auto dialler = std::make_unique<HostImpl>(io_.get_executor(), clock_, std::move(own), std::move(own_parts));
    if (!server.may_dial) server.may_dial = any;
    return *servers_.emplace_back(
        Server::create(io_.get_executor(), clock_, host, std::move(dialler), std::move(server)));
  }
  Client& add_client(Host& host, std::vector<Multiaddr> addresses, std::size_t confidence = 1) {
    ClientConfig client;
    client.addresses = [addresses] { return addresses; };
    client.may_ask = any;
    client.confidence = confidence;
    return *clients_.emplace_back(Client::create(io_.get_executor(), clock_, host, std::move(client)));
  }

  /// A port that nobody listens on.
  Multiaddr dead_address() {
    Host& host = add_node();
    const Multiaddr at = host.addresses().front();
    run(host.close());
    return at;
  }

  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Server>> servers_;
};

TEST_F(AutonatTest, AnAddressThatLeadsToUsCanBeReached) {
  Host& server = add_node();
  add_server(server);
  Host& node = add_node();
  const Multiaddr own = node.addresses().front();
  Client& client = add_client(node, {own});
  connect(node, server);
  run_until([&] { return client.verdict(own) == Verdict::kReachable; });
  // The dial was paid for by nobody: it went where the question came from.
  EXPECT_EQ(servers_.front()->stats().dial_data_bytes, 0u);
  EXPECT_EQ(servers_.front()->stats().reachable, 1u);
}

TEST_F(AutonatTest, AnAddressThatLeadsNowhereCannot) {
  Host& server = add_node();
  add_server(server);
  Host& node = add_node();
  const Multiaddr dead = dead_address();
  Client& client = add_client(node, {dead});
  connect(node, server);
  run_until([&] { return client.verdict(dead) == Verdict::kUnreachable; });
}

TEST_F(AutonatTest, ADialToAnotherIpAddressIsPaidFor) {
  Host& server = add_node();
  add_server(server);
  Host& node = add_node();
  const auto port = node.addresses().front().tcp_endpoint()->port;
  listen(node, address("/ip4/127.0.0.2/tcp/" + std::to_string(port)));
  const Multiaddr other = address("/ip4/127.0.0.2/tcp/" + std::to_string(port));
  Client& client = add_client(node, {other});
  connect(node, server);
  run_until([&] { return client.verdict(other) == Verdict::kReachable; });
  EXPECT_GE(servers_.front()->stats().dial_data_bytes, kDialDataMin);
  EXPECT_LE(servers_.front()->stats().dial_data_bytes, kDialDataMax + kDialDataBytesMax);
}

TEST_F(AutonatTest, SomebodyElsesAddressIsNotOurs) {
  Host& server = add_node();
  add_server(server);
  Host& node = add_node();
  const Multiaddr others = add_node().addresses().front();
  Client& client = add_client(node, {others});
  connect(node, server);
  run_until([&] { return client.verdict(others) == Verdict::kUnreachable; });
}

TEST_F(AutonatTest, PrivateAddressesAreNeitherAskedAboutNorDialled) {
  Host& server = add_node();
  ServerConfig by_default;
  by_default.may_dial = [](const Multiaddr&) { return false; };
  add_server(server, std::move(by_default));
  Host& node = add_node();
  const Multiaddr own = node.addresses().front();
  Client& client = add_client(node, {own});
  connect(node, server);
  run_until([&] { return servers_.front()->stats().refused == 1; });
  EXPECT_EQ(client.verdict(own), Verdict::kUnknown);
}

/// A peer that speaks to the server by hand.
class AutonatHostileTest : public AutonatTest {
 protected:
  AutonatHostileTest() : server_(add_node()), peer_(add_node()) {}

  std::unique_ptr<Stream> open() {
    if (!connection_) connection_ = connect(peer_, server_);
    std::vector<std::string> protocols{kDialRequestProtocol};
    return std::move(run(connection_->new_stream(std::move(protocols))).value().stream);
  }
  void send(Stream& stream, const Message& message) {
    ASSERT_TRUE(run(write_length_prefixed(stream, serialise(message))));
  }
  base::Result<Message> receive(Stream& stream) {
    const auto bytes = run(read_length_prefixed(stream, kMessageBytesMax));
    if (!bytes) return bytes.error();
    return parse_message(*bytes);
  }
  Message own_request() { return DialRequest{{peer_.addresses().front()}, 1}; }

  Host& server_;
  Host& peer_;
  std::shared_ptr<Connection> connection_;
};

TEST_F(AutonatHostileTest, WhatIsNoRequestIsNotAnswered) {
  add_server(server_);
  for (const base::Bytes& bytes : {base::Bytes{1, 0xff}, base::Bytes{0}, base::Bytes{0xff, 0xff, 0x7f}}) {
    const auto stream = open();
    ASSERT_TRUE(run(stream->write(bytes)));
    EXPECT_FALSE(receive(*stream));
  }
  const auto stream = open();
  send(*stream, DialResponse{});
  EXPECT_FALSE(receive(*stream));
}

TEST_F(AutonatHostileTest, WhoDoesNotPayHasNobodyDialled) {
  add_server(server_);
  Host& victim = add_node();
  const auto port = victim.addresses().front().tcp_endpoint()->port;
  listen(victim, address("/ip4/127.0.0.3/tcp/" + std::to_string(port)));
  const Message request = DialRequest{{address("/ip4/127.0.0.3/tcp/" + std::to_string(port))}, 1};
  {
    const auto stream = open();
    send(*stream, request);
    const auto wanted = receive(*stream);
    ASSERT_TRUE(wanted && std::holds_alternative<DialDataRequest>(*wanted));
    send(*stream, DialDataResponse{kDialDataBytesMax});
    ASSERT_TRUE(run(stream->close_write()));
    EXPECT_FALSE(receive(*stream));
  }
  {
    // Many small ones cost the server more than they cost us.
    const auto stream = open();
    send(*stream, request);
    ASSERT_TRUE(receive(*stream));
    for (int i = 0; i < 1100; ++i) (void)run(write_length_prefixed(*stream, serialise(Message(DialDataResponse{1}))));
    EXPECT_FALSE(receive(*stream));
  }
  EXPECT_EQ(servers_.front()->stats().served, 0u);
  EXPECT_TRUE(victim.connections().empty());
}

TEST_F(AutonatHostileTest, RequestsWithoutEndAreRejected) {
  ServerConfig slow;
  slow.peer_interval = 24h;
  add_server(server_, std::move(slow));
  std::size_t rejected = 0;
  for (std::size_t i = 0; i < 2 * ServerConfig().peer_burst; ++i) {
    const auto stream = open();
    send(*stream, own_request());
    const auto answer = receive(*stream);
    ASSERT_TRUE(answer);
    rejected += std::get<DialResponse>(*answer).status == ResponseStatus::kRequestRejected;
  }
  EXPECT_EQ(rejected, ServerConfig().peer_burst);
}

TEST_F(AutonatHostileTest, RequestsAtOnceAreRejected) {
  add_server(server_);
  std::vector<std::unique_ptr<Stream>> waiting;
  for (std::size_t i = 0; i < ServerConfig().requests_per_peer_max; ++i) {
    waiting.push_back(open());
    ASSERT_TRUE(run(waiting.back()->write(base::Bytes{100})));
  }
  settle();
  const auto stream = open();
  send(*stream, own_request());
  EXPECT_EQ(std::get<DialResponse>(receive(*stream).value()).status, ResponseStatus::kRequestRejected);
}

TEST_F(AutonatHostileTest, ADialBackThatIsNotTakenIsToldApart) {
  add_server(server_);
  // The peer does not serve the dial back at all.
  const auto stream = open();
  send(*stream, own_request());
  const auto response = std::get<DialResponse>(receive(*stream).value());
  EXPECT_EQ(response.status, ResponseStatus::kOk);
  EXPECT_EQ(response.dial_status, DialStatus::kDialBackError);
}

TEST_F(AutonatHostileTest, WhoDropsTheDialBackWithoutAnAnswerKnowsWhetherItHasHadTheNonce) {
  add_server(server_);
  peer_.set_stream_handler(kDialBackProtocol, [](auto, std::unique_ptr<Stream> stream) -> base::Task<> {
    (void)co_await read_length_prefixed(*stream, kMessageBytesMax);
    stream->reset();
  });
  const auto stream = open();
  send(*stream, own_request());
  EXPECT_EQ(std::get<DialResponse>(receive(*stream).value()).dial_status, DialStatus::kOk);
}

/// A server that answers as the test says.
class AutonatHostileServerTest : public AutonatTest {
 protected:
  static base::Task<> answer_with(std::unique_ptr<Stream> stream, base::Bytes bytes, int* asked) {
    (void)co_await read_length_prefixed(*stream, kMessageBytesMax);
    ++*asked;
    (void)co_await stream->write(bytes);
    (void)co_await stream->close_write();
    base::Bytes rest(10'000);
    for (;;) {
      auto count = co_await stream->read_some(rest);
      if (!count || *count == 0) break;
      received_ += *count;
    }
  }
  /// Until it has been asked, and the answer is through.
  Verdict verdict_after(const Message& answer) {
    Host& server = add_node();
    base::Bytes bytes = serialise(answer);
    bytes.insert(bytes.begin(), static_cast<std::uint8_t>(bytes.size()));
    int asked = 0;
    server.set_stream_handler(kDialRequestProtocol, [bytes, &asked](auto, std::unique_ptr<Stream> stream) {
      return answer_with(std::move(stream), bytes, &asked);
    });
    Host& node = add_node();
    const Multiaddr own = node.addresses().front();
    Client& client = add_client(node, {own});
    connect(node, server);
    run_until([&] { return asked > 0; });
    settle();
    return client.verdict(own);
  }
  void SetUp() override { received_ = 0; }

  static inline std::size_t received_ = 0;
};

TEST_F(AutonatHostileServerTest, SuccessWithoutTheNonceIsNone) {
  EXPECT_EQ(verdict_after(DialResponse{ResponseStatus::kOk, 0, DialStatus::kOk}), Verdict::kUnknown);
  EXPECT_EQ(verdict_after(DialResponse{ResponseStatus::kOk, 0, DialStatus::kDialBackError}), Verdict::kUnknown);
  EXPECT_EQ(verdict_after(DialResponse{ResponseStatus::kOk, 7, DialStatus::kDialError}), Verdict::kUnknown);
  EXPECT_EQ(verdict_after(DialResponse{static_cast<ResponseStatus>(7), 0, DialStatus::kDialError}), Verdict::kUnknown);
  EXPECT_EQ(verdict_after(DialRequest{}), Verdict::kUnknown);
  EXPECT_EQ(verdict_after(DialResponse{ResponseStatus::kOk, 0, DialStatus::kDialError}), Verdict::kUnreachable);
}

TEST_F(AutonatHostileServerTest, WhoWantsTooMuchIsNotPaid) {
  EXPECT_EQ(verdict_after(DialDataRequest{0, kDialDataSentMax + 1}), Verdict::kUnknown);
  EXPECT_EQ(verdict_after(DialDataRequest{9, 30'000}), Verdict::kUnknown);
  EXPECT_EQ(received_, 0u);
}

TEST_F(AutonatTest, ADialBackThatNobodyAskedForIsRefused) {
  Host& node = add_node();
  add_client(node, {});
  Host& peer = add_node();
  std::vector<std::string> protocols{kDialBackProtocol};
  const auto stream = run(connect(peer, node)->new_stream(std::move(protocols))).value();
  ASSERT_TRUE(run(write_length_prefixed(*stream.stream, serialise_dial_back(1))));
  EXPECT_FALSE(run(read_length_prefixed(*stream.stream, kMessageBytesMax)));
}

}  // namespace
}  // namespace libp2p::autonat
