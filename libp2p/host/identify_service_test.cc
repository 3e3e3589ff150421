// Identify and identify push between hosts, and from peers that push what they like.
#include "libp2p/host/identify_service.h"

#include "libp2p/core/error.h"
#include "libp2p/host/host_fixture.h"
#include "libp2p/protocols/identify/identify_protocol.h"

#include <gmock/gmock.h>

namespace libp2p {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

base::Task<> do_nothing(std::shared_ptr<Connection>, std::unique_ptr<Stream>) { co_return; }

class IdentifyServiceTest : public HostTest {
 protected:
  /// Two hosts that have identified each other; what comes after that is counted.
  void connect_hosts() {
    server_->on_identified([this](auto) { ++server_identified_; });
    client_->on_identified([this](auto) { ++client_identified_; });
    listen(*server_);
    connection_ = connect(*client_, *server_);
    run_until([this] { return server_identified_ == 1 && client_identified_ == 1; });
  }

  PeerInfo of_server() const { return client_->peer_info(server_->peer_id()).value(); }
  PeerInfo of_client() const { return server_->peer_info(client_->peer_id()).value(); }

  /// Success if the other side has read to the end.
  base::Task<base::Result<>> push_by_hand(IdentifyMessage message) {
    std::vector<std::string> protocols{std::string(kIdentifyPushProtocol)};
    auto opened = co_await connection_->new_stream(std::move(protocols));
    if (!opened) co_return opened.error();
    Stream& stream = *opened->stream;
    for (const base::Bytes& bytes : serialise_identify_message(message)) {
      auto written = co_await write_length_prefixed(stream, bytes);
      if (!written) co_return written;
    }
    auto closed = co_await stream.close_write();
    if (!closed) co_return closed;
    std::uint8_t byte = 0;
    auto end = co_await stream.read_some(base::MutableBytes(&byte, 1));
    if (!end) co_return end.error();
    co_return base::Result<>();
  }
  /// The client pushes `message` to the server.
  bool push(IdentifyMessage message) { return run(push_by_hand(std::move(message))).has_value(); }

  base::Bytes client_record(std::uint64_t seq, std::vector<multiformats::Multiaddr> addresses) const {
    return seal_peer_record(client_config_.key, {client_->peer_id(), seq, std::move(addresses)});
  }

  HostConfig client_config_ = config();
  Host* server_ = &add_host();
  Host* client_ = &add_host(client_config_);
  std::shared_ptr<Connection> connection_;
  int server_identified_ = 0;
  int client_identified_ = 0;
};

TEST_F(IdentifyServiceTest, AddressesAreSigned) {
  connect_hosts();
  EXPECT_TRUE(of_server().has_signed_record);
  EXPECT_EQ(of_server().listen_addresses, server_->addresses());
  EXPECT_TRUE(of_client().has_signed_record);
}

TEST_F(IdentifyServiceTest, ANewProtocolIsTold) {
  connect_hosts();
  EXPECT_THAT(of_server().protocols, Not(Contains("/new/1.0.0")));
  server_->set_stream_handler("/new/1.0.0", do_nothing);
  run_until([this] { return client_identified_ == 2; });
  EXPECT_THAT(of_server().protocols, Contains("/new/1.0.0"));
  EXPECT_EQ(of_server().listen_addresses, server_->addresses());
  EXPECT_TRUE(of_server().has_signed_record);
}

TEST_F(IdentifyServiceTest, AProtocolThatIsServedNoMoreIsTold) {
  connect_hosts();
  EXPECT_THAT(of_server().protocols, Contains(kEcho));
  server_->remove_stream_handler(std::string(kEcho));
  run_until([this] { return client_identified_ == 2; });
  EXPECT_THAT(of_server().protocols, Not(Contains(kEcho)));
  EXPECT_EQ(run(connection_->new_stream({std::string(kEcho)})).error(), Error::kProtocolNotSupported);
}

TEST_F(IdentifyServiceTest, ANewAddressIsTold) {
  connect_hosts();
  const auto before = of_server().listen_addresses;
  listen(*server_);
  run_until([this] { return client_identified_ == 2; });
  EXPECT_EQ(of_server().listen_addresses, server_->addresses());
  EXPECT_NE(of_server().listen_addresses, before);
  EXPECT_TRUE(of_server().has_signed_record);
}

TEST_F(IdentifyServiceTest, BothSidesPush) {
  connect_hosts();
  client_->set_stream_handler("/new/1.0.0", do_nothing);
  run_until([this] { return server_identified_ == 2; });
  EXPECT_THAT(of_client().protocols, Contains("/new/1.0.0"));
}

TEST_F(IdentifyServiceTest, ChangesInARowAreToldTogether) {
  connect_hosts();
  for (int i = 0; i < 100; ++i) server_->set_stream_handler("/new/" + std::to_string(i), do_nothing);
  server_->remove_stream_handler("/new/99");
  run_until([this] { return client_identified_ == 2; });
  EXPECT_THAT(of_server().protocols, Contains("/new/98"));
  EXPECT_THAT(of_server().protocols, Not(Contains("/new/99")));
  settle();
  EXPECT_EQ(client_identified_, 2);
}

TEST_F(IdentifyServiceTest, TheNewestStateArrivesWhateverChangesMeanwhile) {
  connect_hosts();
  client_->on_identified([this](auto) {
    if (client_identified_ < 6) server_->set_stream_handler("/new/" + std::to_string(client_identified_), do_nothing);
  });
  server_->set_stream_handler("/new/0", do_nothing);
  run_until([this] { return client_identified_ == 6; });
  EXPECT_THAT(of_server().protocols, Contains("/new/5"));
}

TEST_F(IdentifyServiceTest, NothingNewIsNotTold) {
  connect_hosts();
  server_->set_stream_handler(std::string(kEcho), do_nothing);
  server_->remove_stream_handler("/never/served");
  settle();
  EXPECT_EQ(client_identified_, 1);
}

TEST_F(IdentifyServiceTest, PeersThatTakeNoPushesAreSpared) {
  client_->remove_stream_handler(std::string(kIdentifyPushProtocol));
  connect_hosts();
  server_->set_stream_handler("/new/1.0.0", do_nothing);
  settle();
  EXPECT_EQ(client_identified_, 1);
  EXPECT_EQ(server_->connections().size(), 1u);
}

TEST_F(IdentifyServiceTest, APeerThatNeverTakesAPushHoldsUpOneStreamAndNoMore) {
  std::vector<std::unique_ptr<Stream>> held;
  client_->set_stream_handler(std::string(kIdentifyPushProtocol),
                              [&held](std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
                                held.push_back(std::move(stream));
                                return do_nothing(nullptr, nullptr);
                              });
  connect_hosts();
  for (int i = 0; i < 5; ++i) {
    server_->set_stream_handler("/new/" + std::to_string(i), do_nothing);
    settle();
  }
  EXPECT_EQ(held.size(), 1u);
  run(server_->close());
  held.clear();
}

TEST_F(IdentifyServiceTest, WhatAPushLacksHasNotChanged) {
  connect_hosts();
  const PeerInfo before = of_client();
  IdentifyMessage message;
  message.agent_version = "another/2";
  ASSERT_TRUE(push(message));
  run_until([this] { return server_identified_ == 2; });
  EXPECT_EQ(of_client().agent_version, "another/2");
  EXPECT_EQ(of_client().protocols, before.protocols);
  EXPECT_EQ(of_client().listen_addresses, before.listen_addresses);
  EXPECT_EQ(of_client().observed_address, before.observed_address);
  message = {};
  message.protocols = {"/only/1"};
  ASSERT_TRUE(push(message));
  run_until([this] { return server_identified_ == 3; });
  EXPECT_THAT(of_client().protocols, ElementsAre("/only/1"));
  EXPECT_EQ(of_client().agent_version, "another/2");
}

TEST_F(IdentifyServiceTest, ARecordCountsMoreThanAddressesBesideIt) {
  connect_hosts();
  IdentifyMessage message;
  message.listen_addresses = {address("/ip4/192.0.2.1/tcp/1")};
  message.signed_peer_record = client_record(UINT64_MAX - 1, {address("/ip4/192.0.2.2/tcp/2")});
  ASSERT_TRUE(push(message));
  run_until([this] { return server_identified_ == 2; });
  EXPECT_TRUE(of_client().has_signed_record);
  EXPECT_THAT(of_client().listen_addresses, ElementsAre(address("/ip4/192.0.2.2/tcp/2")));
}

TEST_F(IdentifyServiceTest, ABadRecordIsAsIfThereWereNone) {
  connect_hosts();
  const auto another = multiformats::PrivateKey::generate();
  base::Bytes broken = client_record(UINT64_MAX, {});
  broken.back() ^= 1;
  const base::Bytes records[] = {
      broken, base::Bytes{1, 2, 3}, client_record(1, {address("/ip4/192.0.2.2/tcp/2")}),  // older than what is known
      seal_peer_record(another, {multiformats::PeerId::from_public_key(another.public_key()), UINT64_MAX, {}})};
  std::uint16_t port = 0;
  for (const base::Bytes& record : records) {
    const auto plain = address("/ip4/192.0.2.1/tcp/" + std::to_string(++port));
    IdentifyMessage message;
    message.listen_addresses = {plain};
    message.signed_peer_record = record;
    ASSERT_TRUE(push(message));
    run_until([&] { return server_identified_ == 1 + port; });
    EXPECT_FALSE(of_client().has_signed_record) << port;
    EXPECT_THAT(of_client().listen_addresses, ElementsAre(plain)) << port;
  }
}

TEST_F(IdentifyServiceTest, APushInAnothersNameEndsTheConnection) {
  connect_hosts();
  IdentifyMessage message;
  message.public_key = multiformats::PrivateKey::generate().public_key().to_protobuf();
  EXPECT_FALSE(push(message));
  run_until([this] { return server_->connections().empty(); });
}

TEST_F(IdentifyServiceTest, PushesWithoutEndAreRefused) {
  connect_hosts();
  IdentifyMessage message;
  message.agent_version = "busy/1";
  std::size_t taken = 0;
  while (push(message)) ASSERT_LT(++taken, kIdentifyPushBurst + 100);
  EXPECT_GE(taken, kIdentifyPushBurst);
  EXPECT_FALSE(connection_->is_closed());
}

TEST_F(IdentifyServiceTest, APushBeforeIdentifyHasEndedIsKeptForLater) {
  // The client tells of itself only when the test says so.
  std::unique_ptr<Stream> asked;
  client_->set_stream_handler(std::string(kIdentifyProtocol),
                              [&asked](std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
                                asked = std::move(stream);
                                return do_nothing(nullptr, nullptr);
                              });
  server_->on_identified([this](auto) { ++server_identified_; });
  listen(*server_);
  connection_ = connect(*client_, *server_);
  run_until([&] { return asked != nullptr; });
  IdentifyMessage message;
  message.agent_version = "pushed/2";
  ASSERT_TRUE(push(message));
  message = {};
  message.protocols = {"/pushed/1"};
  ASSERT_TRUE(push(message));
  settle();
  EXPECT_EQ(server_identified_, 0);
  message.agent_version = "told/1";
  message.protocols = {"/told/1"};
  message.listen_addresses = {address("/ip4/192.0.2.1/tcp/1")};
  EXPECT_TRUE(run(send_identify(clock_, std::move(asked), message)));
  run_until([this] { return server_identified_ == 1; });
  EXPECT_EQ(of_client().agent_version, "pushed/2");
  EXPECT_THAT(of_client().protocols, ElementsAre("/pushed/1"));
  EXPECT_THAT(of_client().listen_addresses, ElementsAre(address("/ip4/192.0.2.1/tcp/1")));
}

}  // namespace
}  // namespace libp2p
