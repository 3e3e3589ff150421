#include "libp2p/host/connection_upgrader.h"

#include "libp2p/core/error.h"
#include "libp2p/muxers/yamux/yamux_muxer.h"
#include "libp2p/testing/memory_pipe.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

using namespace std::chrono_literals;

/// Secures nothing: each side tells its key, and `muxer` is what the handshake is said to have agreed on.
class PlainSecurity final : public Security {
 public:
  PlainSecurity(const multiformats::PrivateKey& key, std::string muxer)
      : key_(key.public_key()), muxer_(std::move(muxer)) {}

  std::string_view protocol_id() const override { return "/test/plain"; }
  base::Task<base::Result<SecuredStream>> secure_outbound(std::unique_ptr<Stream> raw,
                                                          std::optional<multiformats::PeerId> expected) override {
    auto secured = co_await exchange_keys(std::move(raw));
    if (secured && expected && secured->remote_peer != *expected) co_return Error::kPeerIdMismatch;
    co_return secured;
  }
  base::Task<base::Result<SecuredStream>> secure_inbound(std::unique_ptr<Stream> raw) override {
    return exchange_keys(std::move(raw));
  }

 private:
  base::Task<base::Result<SecuredStream>> exchange_keys(std::unique_ptr<Stream> raw) {
    auto written = co_await write_length_prefixed(*raw, key_.to_protobuf());
    if (!written) co_return written.error();
    auto bytes = co_await read_length_prefixed(*raw, multiformats::kPublicKeyBytesMax);
    if (!bytes) co_return bytes.error();
    const auto key = multiformats::PublicKey::from_protobuf(*bytes);
    if (!key) co_return key.error();
    co_return SecuredStream{std::move(raw), multiformats::PeerId::from_public_key(*key), *key, muxer_};
  }

  multiformats::PublicKey key_;
  std::string muxer_;
};

class ConnectionUpgraderTest : public ::testing::Test {
 protected:
  using Result = base::Result<UpgradedConnection>;

  ConnectionUpgraderTest() { std::tie(left_, right_) = testing::make_memory_pipe(io_.get_executor()); }
  ~ConnectionUpgraderTest() override {
    for (auto* result : {&outbound_, &inbound_}) {
      if (*result && **result) (**result)->session->abort();
    }
    poll();
  }

  std::unique_ptr<ConnectionUpgrader> upgrader(const multiformats::PrivateKey& key, std::string muxer) {
    std::vector<std::unique_ptr<Security>> securities;
    securities.push_back(std::make_unique<PlainSecurity>(key, std::move(muxer)));
    std::vector<std::unique_ptr<Muxer>> muxers;
    muxers.push_back(std::make_unique<YamuxMuxer>(clock_));
    return std::make_unique<ConnectionUpgrader>(io_.get_executor(), clock_, std::move(securities), std::move(muxers));
  }

  static RawConnection raw(std::unique_ptr<Stream> stream) { return {std::move(stream), {}, {}}; }

  base::Task<> upgrade_outbound(std::optional<multiformats::PeerId> expected) {
    std::stop_token stop = stop_.get_token();
    outbound_ = co_await dialler_->upgrade_outbound(raw(std::move(left_)), expected, clock_.now() + 10s, stop);
  }
  base::Task<> upgrade_inbound() {
    std::stop_token stop = stop_.get_token();
    inbound_ = co_await listener_->upgrade_inbound(raw(std::move(right_)), clock_.now() + 10s, stop);
  }

  void upgrade_both(std::optional<multiformats::PeerId> expected = std::nullopt) {
    base::spawn(io_.get_executor(), upgrade_outbound(expected));
    base::spawn(io_.get_executor(), upgrade_inbound());
    poll();
  }

  void poll() {
    io_.restart();
    io_.poll();
  }

  boost::asio::io_context io_;
  base::ManualClock clock_;
  std::stop_source stop_;
  multiformats::PrivateKey dialler_key_ = multiformats::PrivateKey::generate();
  multiformats::PrivateKey listener_key_ = multiformats::PrivateKey::generate();
  multiformats::PeerId dialler_peer_ = multiformats::PeerId::from_public_key(dialler_key_.public_key());
  multiformats::PeerId listener_peer_ = multiformats::PeerId::from_public_key(listener_key_.public_key());
  std::unique_ptr<ConnectionUpgrader> dialler_ = upgrader(dialler_key_, "");
  std::unique_ptr<ConnectionUpgrader> listener_ = upgrader(listener_key_, "");
  std::unique_ptr<Stream> left_;
  std::unique_ptr<Stream> right_;
  std::optional<Result> outbound_;
  std::optional<Result> inbound_;
};

TEST_F(ConnectionUpgraderTest, TheMuxerIsNegotiatedWhereTheHandshakeHasNotSettledIt) {
  upgrade_both(listener_peer_);
  ASSERT_TRUE(outbound_ && *outbound_) << outbound_->error().message();
  ASSERT_TRUE(inbound_ && *inbound_) << inbound_->error().message();
  EXPECT_EQ((*outbound_)->remote_peer, listener_peer_);
  EXPECT_EQ((*inbound_)->remote_peer, dialler_peer_);
  EXPECT_TRUE((*outbound_)->is_dialler);
  EXPECT_FALSE((*inbound_)->is_dialler);
  EXPECT_FALSE((*outbound_)->muxer_by_handshake);
  EXPECT_FALSE((*inbound_)->muxer_by_handshake);
}

TEST_F(ConnectionUpgraderTest, TheMuxerMayBeSettledInTheHandshake) {
  dialler_ = upgrader(dialler_key_, "/yamux/1.0.0");
  listener_ = upgrader(listener_key_, "/yamux/1.0.0");
  upgrade_both();
  ASSERT_TRUE(outbound_ && *outbound_);
  ASSERT_TRUE(inbound_ && *inbound_);
  EXPECT_TRUE((*outbound_)->muxer_by_handshake);
  EXPECT_TRUE((*inbound_)->muxer_by_handshake);
}

TEST_F(ConnectionUpgraderTest, ADiallerRefusesAMuxerThatItDoesNotHave) {
  dialler_ = upgrader(dialler_key_, "/mplex/6.7.0");
  upgrade_both();
  ASSERT_TRUE(outbound_);
  EXPECT_EQ(outbound_->error(), Error::kHandshakeFailed);
}

TEST_F(ConnectionUpgraderTest, AListenerRefusesAMuxerThatItDoesNotHave) {
  listener_ = upgrader(listener_key_, "/mplex/6.7.0");
  upgrade_both();
  ASSERT_TRUE(inbound_);
  EXPECT_EQ(inbound_->error(), Error::kHandshakeFailed);
}

TEST_F(ConnectionUpgraderTest, AnotherPeerThanExpectedIsRefused) {
  upgrade_both(dialler_peer_);
  ASSERT_TRUE(outbound_);
  EXPECT_EQ(outbound_->error(), Error::kPeerIdMismatch);
  ASSERT_TRUE(inbound_);
  EXPECT_TRUE(inbound_->has_error());
}

TEST_F(ConnectionUpgraderTest, TimeIsBounded) {
  base::spawn(io_.get_executor(), upgrade_outbound(std::nullopt));
  poll();
  EXPECT_FALSE(outbound_);
  clock_.advance(10s);
  poll();
  ASSERT_TRUE(outbound_);
  EXPECT_EQ(outbound_->error(), Error::kTimeout);
}

TEST_F(ConnectionUpgraderTest, StoppingBreaksOffWhatIsUnderWay) {
  base::spawn(io_.get_executor(), upgrade_inbound());
  poll();
  EXPECT_FALSE(inbound_);
  stop_.request_stop();
  poll();
  ASSERT_TRUE(inbound_);
  EXPECT_EQ(inbound_->error(), Error::kClosing);
}

TEST_F(ConnectionUpgraderTest, NothingIsUpgradedOnceStopped) {
  stop_.request_stop();
  base::spawn(io_.get_executor(), upgrade_outbound(std::nullopt));
  poll();
  ASSERT_TRUE(outbound_);
  EXPECT_EQ(outbound_->error(), Error::kClosing);
}

}  // namespace
}  // namespace libp2p
