#include "libp2p/protocols/identify/identify_protocol.h"

#include "libp2p/core/error.h"
#include "libp2p/testing/memory_pipe.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

class IdentifyProtocolTest : public ::testing::Test {
 protected:
  IdentifyProtocolTest() {
    std::tie(asker_, teller_) = testing::make_memory_pipe(io_.get_executor());
    message_.public_key = key_.public_key().to_protobuf();
    message_.agent_version = "agent";
    message_.protocols = {"/a", "/b"};
  }

  void poll() {
    io_.restart();
    io_.poll();
  }

  void spawn(base::Task<> task) { base::spawn(io_.get_executor(), std::move(task)); }

  base::Task<> send() { sent_ = co_await send_identify(clock_, std::move(teller_), message_); }

  base::Task<> receive(multiformats::PeerId peer) {
    received_ = co_await receive_identify(clock_, std::move(asker_), peer);
  }

  base::Task<> write_and_close(base::Bytes bytes) {
    EXPECT_TRUE(co_await teller_->write(bytes));
    EXPECT_TRUE(co_await teller_->close_write());
  }

  boost::asio::io_context io_;
  base::ManualClock clock_;
  multiformats::PrivateKey key_ = multiformats::PrivateKey::generate();
  multiformats::PeerId peer_ = multiformats::PeerId::from_public_key(key_.public_key());
  std::unique_ptr<Stream> asker_;
  std::unique_ptr<Stream> teller_;
  IdentifyMessage message_;
  std::optional<base::Result<>> sent_;
  std::optional<base::Result<IdentifyMessage>> received_;
};

TEST_F(IdentifyProtocolTest, WhatIsToldArrives) {
  message_.signed_peer_record = base::Bytes(100, 1);
  spawn(send());
  spawn(receive(peer_));
  poll();
  ASSERT_TRUE(received_ && *received_);
  EXPECT_EQ(**received_, message_);
  ASSERT_TRUE(sent_);
  EXPECT_TRUE(*sent_) << sent_->error().message();
}

TEST_F(IdentifyProtocolTest, AKeyOfAnotherPeerIsRefused) {
  spawn(send());
  spawn(receive(multiformats::PeerId::from_public_key(multiformats::PrivateKey::generate().public_key())));
  poll();
  ASSERT_TRUE(received_);
  EXPECT_EQ(received_->error(), Error::kBadSignature);
}

TEST_F(IdentifyProtocolTest, SomethingThatIsNoKeyIsRefused) {
  message_.public_key = base::Bytes{1, 2, 3};
  spawn(send());
  spawn(receive(peer_));
  poll();
  ASSERT_TRUE(received_);
  EXPECT_EQ(received_->error(), Error::kBadSignature);
}

TEST_F(IdentifyProtocolTest, TheKeyMayBeLeftOut) {
  message_.public_key.reset();
  spawn(send());
  spawn(receive(peer_));
  poll();
  ASSERT_TRUE(received_);
  EXPECT_TRUE(*received_);
}

TEST_F(IdentifyProtocolTest, MessagesWithoutEndAreRefused) {
  spawn(write_and_close(base::Bytes(kIdentifyMessagesMax + 1, 0)));
  spawn(receive(peer_));
  poll();
  ASSERT_TRUE(received_);
  EXPECT_EQ(received_->error(), Error::kMessageTooLong);
}

TEST_F(IdentifyProtocolTest, AMessageThatIsTooLongIsRefused) {
  spawn(write_and_close({0x81, 0x40}));  // 8,193 bytes
  spawn(receive(peer_));
  poll();
  ASSERT_TRUE(received_);
  EXPECT_EQ(received_->error(), Error::kMessageTooLong);
}

TEST_F(IdentifyProtocolTest, AMessageThatBreaksOffIsRefused) {
  spawn(write_and_close({5, 1}));
  spawn(receive(peer_));
  poll();
  ASSERT_TRUE(received_);
  EXPECT_EQ(received_->error(), Error::kUnexpectedEof);
}

TEST_F(IdentifyProtocolTest, APeerThatTellsNothingIsATimeout) {
  spawn(receive(peer_));
  poll();
  EXPECT_FALSE(received_);
  clock_.advance(kIdentifyTimeout);
  poll();
  ASSERT_TRUE(received_);
  EXPECT_EQ(received_->error(), Error::kTimeout);
}

TEST_F(IdentifyProtocolTest, APeerThatNeverReadsIsATimeout) {
  spawn(send());
  poll();
  EXPECT_FALSE(sent_);
  clock_.advance(kIdentifyTimeout);
  poll();
  ASSERT_TRUE(sent_);
  EXPECT_EQ(sent_->error(), Error::kTimeout);
}

}  // namespace
}  // namespace libp2p
