// Whole hosts in private networks.
#include "libp2p/core/error.h"
#include "libp2p/host/host_fixture.h"
#include "libp2p/testing/memory_transport.h"

#include <gmock/gmock.h>

#include <list>

namespace libp2p {
namespace {

using ::testing::IsEmpty;

const pnet::PreSharedKey kKey({1, 2, 3});
const pnet::PreSharedKey kOtherKey({4, 5, 6});

/// Passes everything on, and keeps what was written.
class RecordingStream final : public Stream {
 public:
  RecordingStream(std::unique_ptr<Stream> inner, base::Bytes& written) : inner_(std::move(inner)), written_(written) {}
  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override { return inner_->read_some(into); }
  base::Task<> wait_readable() override { return inner_->wait_readable(); }
  base::Task<base::Result<>> write(base::ConstBytes bytes) override {
    base::append(written_, bytes);
    return inner_->write(bytes);
  }
  base::Task<base::Result<>> close_write() override { return inner_->close_write(); }
  void reset() noexcept override { inner_->reset(); }

 private:
  std::unique_ptr<Stream> inner_;
  base::Bytes& written_;
};

class PrivateNetworkTest : public HostTest {
 protected:
  HostConfig config_with(const std::optional<pnet::PreSharedKey>& key,
                         std::vector<std::string> securities = default_securities()) const {
    HostConfig with_key = config();
    with_key.network_key = key;
    with_key.securities = std::move(securities);
    return with_key;
  }
  Host& add_listener(const std::optional<pnet::PreSharedKey>& key,
                     std::vector<std::string> securities = default_securities()) {
    Host& host = add_host(config_with(key, std::move(securities)));
    listen(host);
    return host;
  }
  base::Error dial_error(Host& from, Host& to) {
    auto connection = run(from.connect(to.peer_id(), to.addresses()));
    EXPECT_FALSE(connection);
    settle();
    EXPECT_THAT(from.connections(), IsEmpty());
    EXPECT_THAT(to.connections(), IsEmpty());
    return connection ? base::Error() : connection.error();
  }

  // Until the hosts have gone.
  testing::MemoryNetwork network_{io_.get_executor()};
  std::list<base::Bytes> written_;
};

TEST_F(PrivateNetworkTest, HostsWithTheSameKeyConnectByEachSecurity) {
  for (const std::string security : {"/tls/1.0.0", "/noise"}) {
    Host& server = add_listener(kKey, {security});
    Host& client = add_host(config_with(kKey, {security}));
    const auto connection = connect(client, server);
    const base::Bytes bytes(200'000, 7);
    EXPECT_EQ(run(send_and_receive(connection, bytes)).value(), bytes);
  }
}

TEST_F(PrivateNetworkTest, ASecurityThatTheOtherDoesNotSpeakGivesWayToTheNext) {
  Host& server = add_listener(kKey, {"/noise"});
  Host& client = add_host(config_with(kKey));
  EXPECT_FALSE(connect(client, server)->is_closed());
}

TEST_F(PrivateNetworkTest, AnotherKeyIsRefusedAtOnceByBothSides) {
  Host& server = add_listener(kOtherKey);
  Host& client = add_host(config_with(kKey));
  EXPECT_EQ(dial_error(client, server), Error::kNotInPrivateNetwork);
}

TEST_F(PrivateNetworkTest, OneWithoutAnyKeyIsRefused) {
  Host& open = add_listener(std::nullopt);
  Host& closed = add_listener(kKey);
  EXPECT_TRUE(dial_error(open, closed));
}

/// TCP replaced by memory, and what is written there kept.
TEST_F(PrivateNetworkTest, NoByteOfAConnectionIsSentInClear) {
  const auto add = [&](const HostConfig& with_key) -> Host& {
    HostParts in_memory = parts(with_key);
    in_memory.transports.clear();
    in_memory.transports.push_back(
        std::make_unique<testing::MemoryTransport>(network_, [&](std::unique_ptr<Stream> raw) {
          return std::make_unique<RecordingStream>(std::move(raw), written_.emplace_back());
        }));
    return add_host(with_key, std::move(in_memory));
  };
  const auto contains_names = [&] {
    return std::ranges::any_of(written_, [](const base::Bytes& bytes) {
      const std::string_view text = base::as_text(bytes);
      return text.find("multistream") != std::string::npos || text.find("noise") != std::string::npos;
    });
  };
  for (const bool is_private : {true, false}) {
    const auto key = is_private ? std::optional(kKey) : std::nullopt;
    Host& server = add(config_with(key));
    listen(server);
    connect(add(config_with(key)), server);
    EXPECT_EQ(contains_names(), !is_private);
    EXPECT_FALSE(written_.empty());
  }
}

/// A listener that says nothing, however long it is waited for: the time-out alone ends the dial.
class PrivateNetworkTimeTest : public HostTimeTest {};

TEST_F(PrivateNetworkTimeTest, APeerThatShowsNothingIsGivenUp) {
  boost::asio::ip::tcp::acceptor silent(io_, {boost::asio::ip::make_address("127.0.0.1"), 0});
  HostConfig with_key = config();
  with_key.network_key = kKey;
  Host& client = add_host(with_key);
  std::optional<base::Result<std::shared_ptr<Connection>>> dialled;
  const auto dial = [](Host& host, multiformats::Multiaddr to, auto& into) -> base::Task<> {
    into.emplace(co_await host.connect(std::move(to)));
  };
  base::spawn(io_.get_executor(),
              dial(client, address("/ip4/127.0.0.1/tcp/" + std::to_string(silent.local_endpoint().port())), dialled));
  settle();
  ASSERT_FALSE(dialled);
  clock_.advance(with_key.dial_timeout);
  settle();
  ASSERT_TRUE(dialled);
  EXPECT_EQ(dialled->error(), Error::kNotInPrivateNetwork);
}

}  // namespace
}  // namespace libp2p
