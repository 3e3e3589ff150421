#include "libp2p/host/refused_securities.h"

#include "libp2p/core/error.h"
#include "libp2p/host/host_fixture.h"

namespace libp2p {
namespace {

TEST(RefusedSecurities, WhatWasRefusedIsNotTriedAgainThere) {
  RefusedSecurities refused;
  EXPECT_EQ(refused.first_to_try("a"), 0u);
  refused.on_refused("a", 0);
  EXPECT_EQ(refused.first_to_try("a"), 1u);
  EXPECT_EQ(refused.first_to_try("b"), 0u);
  refused.on_refused("a", 1);
  EXPECT_EQ(refused.first_to_try("a"), 2u);
  refused.forget("a");
  EXPECT_EQ(refused.first_to_try("a"), 0u);
}

TEST(RefusedSecurities, MemoryIsBounded) {
  RefusedSecurities refused;
  for (std::size_t i = 0; i < 3 * kRefusedPlacesMax; ++i) {
    refused.on_refused(std::to_string(i), 0);
    if (i % 3 == 0) refused.forget(std::to_string(i));
  }
  EXPECT_LE(refused.size(), kRefusedPlacesMax);
  EXPECT_EQ(refused.first_to_try(std::to_string(3 * kRefusedPlacesMax - 1)), 1u);
  EXPECT_EQ(refused.first_to_try("1"), 0u);
}

/// Over loopback TCP, with dials counted.
class HostSecurityTest : public HostTest {
 protected:
  class CountingTransport final : public Transport {
   public:
    CountingTransport(std::unique_ptr<Transport> inner, int& dials) : inner_(std::move(inner)), dials_(dials) {}
    bool can_dial(const multiformats::Multiaddr& address) const override { return inner_->can_dial(address); }
    base::Task<base::Result<RawConnection>> dial(multiformats::Multiaddr address, base::Duration timeout,
                                                 std::stop_token stop) override {
      ++dials_;
      return inner_->dial(std::move(address), timeout, std::move(stop));
    }
    base::Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) override {
      return inner_->listen(address);
    }

   private:
    std::unique_ptr<Transport> inner_;
    int& dials_;
  };

  Host& add(std::vector<std::string> securities) {
    HostConfig made = config();
    made.securities = std::move(securities);
    return add_host(std::move(made));
  }
  /// TLS first, noise second.
  Host& add_counting() {
    HostConfig made = config();
    HostParts counted = parts(made);
    counted.transports[0] = std::make_unique<CountingTransport>(std::move(counted.transports[0]), dials_);
    counted.securities.insert(counted.securities.begin(),
                              std::make_unique<tls::TlsSecurity>(made.key, std::vector<std::string>{"/yamux/1.0.0"}));
    return add_host(std::move(made), std::move(counted));
  }
  void expect_use(const std::shared_ptr<Connection>& connection) {
    base::Bytes sent(100'000);
    base::random_bytes(sent);
    const auto received = run(send_and_receive(connection, sent));
    ASSERT_TRUE(received);
    EXPECT_TRUE(*received == sent);
    EXPECT_TRUE(connection->muxer_by_handshake());
  }

  int dials_ = 0;
};

TEST_F(HostSecurityTest, EachProtocolAndTheirDefaultOrderConnect) {
  for (const std::vector<std::string>& securities : {default_securities(), {"/tls/1.0.0"}, {"/noise"}}) {
    Host& server = add(securities);
    Host& client = add(securities);
    listen(server);
    expect_use(connect(client, server));
  }
}

TEST_F(HostSecurityTest, APeerWithTlsIsDialledOnce) {
  Host& server = add({"/noise", "/tls/1.0.0"});
  Host& client = add_counting();
  listen(server);
  expect_use(connect(client, server));
  EXPECT_EQ(dials_, 1);
}

TEST_F(HostSecurityTest, APeerWithNoiseAloneIsDialledAgainAndRemembered) {
  Host& server = add({"/noise"});
  Host& client = add_counting();
  listen(server);
  expect_use(connect(client, server));
  EXPECT_EQ(dials_, 2);
  client.disconnect(server.peer_id());
  expect_use(connect(client, server));
  EXPECT_EQ(dials_, 3);
}

TEST_F(HostSecurityTest, WhatAPlaceSpeaksMayChange) {
  Host& first = add({"/noise"});
  Host& client = add_counting();
  const auto bound = listen(first);
  expect_use(connect(client, first));
  run(first.close());
  Host& second = add({"/tls/1.0.0"});
  listen(second, bound);
  const ConnectOptions options{.ignore_backoff = true};
  EXPECT_FALSE(run(client.connect(second.peer_id(), second.addresses(), options)))
      << "noise, which was spoken here, is now refused";
  expect_use(run(client.connect(second.peer_id(), second.addresses(), options)).value());
}

TEST_F(HostSecurityTest, NoneInCommonIsAnError) {
  Host& server = add({"/noise"});
  Host& client = add({"/tls/1.0.0"});
  listen(server);
  EXPECT_FALSE(run(client.connect(server.peer_id(), server.addresses())));
}

}  // namespace
}  // namespace libp2p
