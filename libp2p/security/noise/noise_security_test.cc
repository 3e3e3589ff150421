#include "libp2p/security/noise/noise_security.h"

#include "libp2p/core/error.h"
#include "libp2p/security/noise/noise_frames.h"
#include "libp2p/security/noise/noise_payload.pb.h"
#include "libp2p/testing/security_fixture.h"
#include "multiformats/foreign_key.h"
#include "multiformats/key_vectors.h"

#include <gtest/gtest.h>

#include <random>

namespace libp2p::noise {
namespace {

using testing::kYamux;
using testing::Outcome;

/// Counts what is written through it.
class CountingStream final : public Stream {
 public:
  CountingStream(std::unique_ptr<Stream> inner, std::size_t& written) : inner_(std::move(inner)), written_(written) {}
  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override { return inner_->read_some(into); }
  base::Task<base::Result<>> write(base::ConstBytes bytes) override {
    written_ += bytes.size();
    return inner_->write(bytes);
  }
  base::Task<base::Result<>> close_write() override { return inner_->close_write(); }
  void reset() noexcept override { inner_->reset(); }

 private:
  std::unique_ptr<Stream> inner_;
  std::size_t& written_;
};

base::Bytes framed(base::ConstBytes message) {
  base::Bytes frame(kFramePrefixBytes);
  base::store_be16(frame.data(), static_cast<std::uint16_t>(message.size()));
  base::append(frame, message);
  return frame;
}

class NoiseSecurityTest : public testing::SecurityFixture<NoiseSecurity> {
 protected:
  static base::Task<> receive_task(Stream& raw, base::Bytes& message) {
    base::Bytes prefix(kFramePrefixBytes);
    auto read = co_await read_exact(raw, prefix);
    if (!read) co_return;
    message.resize(base::load_be16(prefix.data()));
    auto rest = co_await read_exact(raw, message);
    EXPECT_TRUE(rest);
  }
  static base::Task<> send_task(Stream& raw, base::Bytes bytes, bool close) {
    auto written = co_await raw.write(bytes);
    EXPECT_TRUE(written);
    if (!close) co_return;
    auto closed = co_await raw.close_write();
    EXPECT_TRUE(closed);
  }
  static base::Task<> read_task(Stream& stream, base::Bytes& into, bool& done) {
    auto read = co_await read_exact(stream, into);
    done = read.has_value();
  }
  base::Bytes receive_frame(Stream& raw) {
    base::Bytes message;
    start(receive_task(raw, message));
    run();
    return message;
  }
  void send(Stream& raw, base::Bytes bytes, bool close = false) {
    start(send_task(raw, std::move(bytes), close));
    run();
  }

  /// Plays the listener by hand: answers the dialler with `payload`.
  void answer_by_hand(base::ConstBytes payload) {
    dial();
    run();
    HandshakeState handshake(Role::kResponder, {}, hand_key_);
    ASSERT_TRUE(handshake.read_message(receive_frame(*listener_raw_)));
    send(*listener_raw_, framed(*handshake.write_message(payload)));
  }
  /// Plays the dialler by hand: sends `first` in the first message and `payload` in the third.
  void dial_by_hand(base::ConstBytes first, base::ConstBytes payload) {
    listen();
    HandshakeState handshake(Role::kInitiator, {}, hand_key_);
    send(*dialler_raw_, framed(*handshake.write_message(first)));
    const base::Bytes answer = receive_frame(*dialler_raw_);
    if (answer.empty()) return;
    ASSERT_TRUE(handshake.read_message(answer));
    send(*dialler_raw_, framed(*handshake.write_message(payload)));
  }

  KeyPair hand_key_ = KeyPair::generate();
};

TEST_F(NoiseSecurityTest, BothSidesLearnWhoTheOtherIs) {
  for (std::size_t read_bytes_max : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
    make_pipe(read_bytes_max);
    dial(listener_id_);
    listen();
    run();
    ASSERT_TRUE(dialled_ && *dialled_);
    ASSERT_TRUE(accepted_ && *accepted_);
    EXPECT_EQ((*dialled_)->remote_peer, listener_id_);
    EXPECT_EQ((*dialled_)->remote_key, listener_key_.public_key());
    EXPECT_EQ((*dialled_)->muxer, kYamux);
    EXPECT_EQ((*accepted_)->remote_peer, dialler_id_);
    EXPECT_EQ((*accepted_)->remote_key, dialler_key_.public_key());
    EXPECT_EQ((*accepted_)->muxer, kYamux);
    dialled_.reset();
    accepted_.reset();
  }
}

TEST_F(NoiseSecurityTest, WrongPeerIdIsRefusedBeforeAnythingElseIsSent) {
  make_pipe();
  std::size_t written = 0;
  dialler_raw_ = std::make_unique<CountingStream>(std::move(dialler_raw_), written);
  dial(dialler_id_);  // not who answers
  listen();
  run();
  ASSERT_TRUE(dialled_ && !*dialled_);
  EXPECT_EQ(dialled_->error(), Error::kPeerIdMismatch);
  EXPECT_EQ(written, kFramePrefixBytes + kBlockBytes) << "the first message only";
  ASSERT_TRUE(accepted_ && !*accepted_);
  EXPECT_EQ(accepted_->error(), Error::kReset);
}

TEST_F(NoiseSecurityTest, TheDiallerRefusesABadSignature) {
  make_pipe();
  answer_by_hand(make_payload(listener_key_, KeyPair::generate().public_key, {kYamux}));
  ASSERT_TRUE(dialled_ && !*dialled_);
  EXPECT_EQ(dialled_->error(), Error::kBadSignature);
}

TEST_F(NoiseSecurityTest, TheListenerRefusesABadSignature) {
  make_pipe();
  dial_by_hand({}, make_payload(dialler_key_, KeyPair::generate().public_key, {kYamux}));
  ASSERT_TRUE(accepted_ && !*accepted_);
  EXPECT_EQ(accepted_->error(), Error::kBadSignature);
}

TEST_F(NoiseSecurityTest, PayloadsThatAreNoneAreRefused) {
  make_pipe();
  answer_by_hand(base::as_bytes("\xff\xff"));
  ASSERT_TRUE(dialled_ && !*dialled_);
  EXPECT_EQ(dialled_->error(), Error::kMalformedMessage);
  make_pipe();
  dial_by_hand({}, {});
  ASSERT_TRUE(accepted_ && !*accepted_);
  EXPECT_EQ(accepted_->error(), Error::kMalformedMessage);
}

TEST_F(NoiseSecurityTest, APayloadInTheFirstMessageIsRefused) {
  make_pipe();
  dial_by_hand(base::as_bytes("hello"), {});
  ASSERT_TRUE(accepted_ && !*accepted_);
  EXPECT_EQ(accepted_->error(), Error::kHandshakeFailed);
}

TEST_F(NoiseSecurityTest, WithoutTheOthersMuxersItIsLeftToMultistream) {
  make_pipe();
  answer_by_hand(make_payload(listener_key_, hand_key_.public_key, {}));
  ASSERT_TRUE(dialled_ && *dialled_);
  EXPECT_EQ((*dialled_)->muxer, "");
  make_pipe();
  dial_by_hand({}, make_payload(dialler_key_, hand_key_.public_key, {}));
  ASSERT_TRUE(accepted_ && *accepted_);
  EXPECT_EQ((*accepted_)->muxer, "");
}

TEST_F(NoiseSecurityTest, OursIsFoundAmongTheOthersMuxers) {
  pb::NoiseHandshakePayload message;
  const base::Bytes payload = make_payload(listener_key_, hand_key_.public_key, {"/mplex/6.7.0"});
  message.ParseFromArray(payload.data(), static_cast<int>(payload.size()));
  message.mutable_extensions()->add_stream_muxers(kYamux);
  make_pipe();
  answer_by_hand(base::as_bytes(message.SerializeAsString()));
  ASSERT_TRUE(dialled_ && *dialled_);
  EXPECT_EQ((*dialled_)->muxer, kYamux);
}

/// A payload as peers send it whose host keys are of the types that we have not ourselves.
base::Bytes foreign_payload(const multiformats::testing::ForeignKey& key, const Block& static_key) {
  base::Bytes signed_bytes = base::to_bytes(base::as_bytes("noise-libp2p-static-key:"));
  base::append(signed_bytes, static_key);
  pb::NoiseHandshakePayload message;
  message.set_identity_key(std::string(base::as_text(key.public_protobuf())));
  message.set_identity_sig(std::string(base::as_text(key.sign(signed_bytes))));
  return base::to_bytes(base::as_bytes(message.SerializeAsString()));
}

class NoiseKeyTypeTest : public NoiseSecurityTest, public ::testing::WithParamInterface<std::string_view> {
 protected:
  const multiformats::testing::ForeignKey key_{multiformats::testing::from_hex(GetParam())};
  const multiformats::PeerId id_ = multiformats::PeerId::from_public_key(key_.public_key());
};

TEST_P(NoiseKeyTypeTest, APeerWithSuchAKeyIsDialled) {
  make_pipe();
  answer_by_hand(foreign_payload(key_, hand_key_.public_key));
  ASSERT_TRUE(dialled_ && *dialled_);
  EXPECT_EQ((*dialled_)->remote_peer, id_);
  EXPECT_EQ((*dialled_)->remote_key, key_.public_key());
}

TEST_P(NoiseKeyTypeTest, APeerWithSuchAKeyMayDial) {
  make_pipe();
  dial_by_hand({}, foreign_payload(key_, hand_key_.public_key));
  ASSERT_TRUE(accepted_ && *accepted_);
  EXPECT_EQ((*accepted_)->remote_peer, id_);
}

TEST_P(NoiseKeyTypeTest, ASignatureOverAnotherStaticKeyIsRefused) {
  make_pipe();
  dial_by_hand({}, foreign_payload(key_, KeyPair::generate().public_key));
  ASSERT_TRUE(accepted_ && !*accepted_);
  EXPECT_EQ(accepted_->error(), Error::kBadSignature);
}

INSTANTIATE_TEST_SUITE_P(Secp256k1EcdsaRsa, NoiseKeyTypeTest,
                         ::testing::Values(multiformats::testing::kSecp256k1Private,
                                           multiformats::testing::kEcdsaPrivate, multiformats::testing::kRsaPrivate));

TEST_F(NoiseSecurityTest, NoMuxerInCommonFails) {
  make_pipe();
  answer_by_hand(make_payload(listener_key_, hand_key_.public_key, {"/mplex/6.7.0"}));
  ASSERT_TRUE(dialled_ && !*dialled_);
  EXPECT_EQ(dialled_->error(), Error::kProtocolNotSupported);
  make_pipe();
  dial_by_hand({}, make_payload(dialler_key_, hand_key_.public_key, {"/mplex/6.7.0"}));
  ASSERT_TRUE(accepted_ && !*accepted_);
  EXPECT_EQ(accepted_->error(), Error::kProtocolNotSupported);
}

TEST_F(NoiseSecurityTest, LongMessagesAreRefusedBeforeTheyAreRead) {
  make_pipe();
  listen();
  send(*dialler_raw_, {0xff, 0xff});
  ASSERT_TRUE(accepted_ && !*accepted_);
  EXPECT_EQ(accepted_->error(), Error::kMessageTooLong);
}

TEST_F(NoiseSecurityTest, TruncatedMessagesAreRefused) {
  const base::Bytes message = framed(*HandshakeState(Role::kInitiator, {}, hand_key_).write_message({}));
  for (std::size_t size = 0; size < message.size(); ++size) {
    make_pipe();
    accepted_.reset();
    listen();
    send(*dialler_raw_, base::to_bytes(base::ConstBytes(message).first(size)), true);
    ASSERT_TRUE(accepted_ && !*accepted_) << size;
    EXPECT_EQ(accepted_->error(), Error::kUnexpectedEof) << size;
  }
  make_pipe();
  listen();
  send(*dialler_raw_, {0, 5, 1, 2, 3, 4, 5});
  ASSERT_TRUE(accepted_ && !*accepted_);
  EXPECT_EQ(accepted_->error(), Error::kHandshakeFailed);
}

TEST_F(NoiseSecurityTest, AResetInTheMiddleEndsIt) {
  make_pipe();
  dial();
  run();
  EXPECT_FALSE(dialled_);
  listener_raw_->reset();
  run();
  ASSERT_TRUE(dialled_ && !*dialled_);
  EXPECT_EQ(dialled_->error(), Error::kReset);
}

TEST_F(NoiseSecurityTest, DataSentWithTheLastMessageArrives) {
  make_pipe();
  listen();
  HandshakeState handshake(Role::kInitiator, {}, hand_key_);
  send(*dialler_raw_, framed(*handshake.write_message({})));
  ASSERT_TRUE(handshake.read_message(receive_frame(*dialler_raw_)));
  base::Bytes bytes = framed(*handshake.write_message(make_payload(dialler_key_, hand_key_.public_key, {kYamux})));
  FrameSealer sealer(handshake.split().send);
  const base::ConstBytes hello[] = {base::as_bytes("hello")};
  GatherCursor cursor(hello);
  base::append(bytes, *sealer.seal_some(cursor));
  send(*dialler_raw_, bytes);
  ASSERT_TRUE(accepted_ && *accepted_);
  base::Bytes got(5);
  bool done = false;
  start(read_task(*(*accepted_)->stream, got, done));
  run();
  EXPECT_TRUE(done);
  EXPECT_EQ(base::as_text(got), "hello");
}

using NoiseStreamTest = testing::SecuredPair<NoiseSecurityTest>;

TEST_F(NoiseStreamTest, TenMebibytesBothWaysInRandomChunks) {
  connect();
  base::Bytes to_right(10 << 20);
  base::Bytes to_left(10 << 20);
  base::random_bytes(to_right);
  base::random_bytes(to_left);
  base::Bytes right_got;
  base::Bytes left_got;
  bool right_ended = false;
  bool left_ended = false;
  start(send_all(*left_, to_right, 1));
  start(send_all(*right_, to_left, 2));
  start(receive_all(*left_, left_got, 3, left_ended));
  start(receive_all(*right_, right_got, 4, right_ended));
  run();
  EXPECT_TRUE(left_ended);
  EXPECT_TRUE(right_ended);
  EXPECT_TRUE(left_got == to_left);
  EXPECT_TRUE(right_got == to_right);
}

TEST_F(NoiseStreamTest, AWriterMayHaveItsBuffersBackBeforeTheWriteIsDone) {
  connect();
  base::Bytes sent(1'000'000);
  base::random_bytes(sent);
  const base::Bytes expected = sent;
  base::Bytes got;
  bool ended = false;
  EXPECT_TRUE(left_->detach_buffers()) << "nothing is being written";
  start(write_and_close(*left_, sent));
  run();  // until the pipe is full
  EXPECT_TRUE(left_->detach_buffers());
  EXPECT_TRUE(left_->detach_buffers());
  sent.assign(sent.size(), 0);
  start(receive_all(*right_, got, 2, ended));
  run();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(got == expected);
}

TEST_F(NoiseStreamTest, OneByteReadsOfTheRawStream) {
  connect(1);
  base::Bytes sent(100'000);
  base::random_bytes(sent);
  base::Bytes got;
  bool ended = false;
  start(send_all(*left_, sent, 5));
  start(receive_all(*right_, got, 6, ended));
  run();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(got == sent);
}

TEST_F(NoiseStreamTest, WhatHasComeInIsReadWithoutWaiting) {
  connect();
  base::Bytes into(100);
  EXPECT_EQ(left_->read_available(into), 0u);
  send(*right_, base::Bytes(30, 1));
  send(*right_, base::Bytes(40, 2), true);
  EXPECT_EQ(left_->read_available(base::MutableBytes(into).first(10)), 10u);
  EXPECT_EQ(left_->read_available(into), 60u);
  EXPECT_EQ(into[19], 1);
  EXPECT_EQ(into[20], 2);
  EXPECT_EQ(left_->read_available(into), 0u) << "the end is not told here";
  std::optional<base::Result<std::size_t>> outcome;
  start(read_one(*left_, outcome));
  run();
  EXPECT_EQ(outcome->value(), 0u);
}

TEST_F(NoiseStreamTest, AResetFailsThePendingRead) {
  for (const bool waits_first : {false, true}) {
    connect();
    std::optional<base::Result<std::size_t>> outcome;
    start(read_one(*right_, outcome, waits_first));
    run();
    EXPECT_FALSE(outcome);
    left_->reset();
    run();
    ASSERT_TRUE(outcome && !*outcome);
    EXPECT_EQ(outcome->error(), Error::kReset);
  }
}

TEST_F(NoiseStreamTest, AStreamIsReadableOnceAWholeFrameHasCome) {
  make_pipe();
  answer_by_hand(make_payload(listener_key_, hand_key_.public_key, {kYamux}));
  ASSERT_TRUE(dialled_ && *dialled_);
  receive_frame(*listener_raw_);
  const base::Bytes frame = framed(base::Bytes(40, 7));
  std::optional<base::Result<std::size_t>> outcome;
  start(read_one(*(*dialled_)->stream, outcome, true));
  send(*listener_raw_, base::Bytes(frame.begin(), frame.begin() + 20));
  EXPECT_FALSE(outcome);
  send(*listener_raw_, base::Bytes(frame.begin() + 20, frame.end()));
  ASSERT_TRUE(outcome && !*outcome);
  EXPECT_EQ(outcome->error(), Error::kProtocolViolation) << "it was not sealed with our key";
}

TEST_F(NoiseStreamTest, ABadFrameEndsTheConnection) {
  make_pipe();
  answer_by_hand(make_payload(listener_key_, hand_key_.public_key, {kYamux}));
  ASSERT_TRUE(dialled_ && *dialled_);
  receive_frame(*listener_raw_);  // the third message
  send(*listener_raw_, framed(base::Bytes(40, 7)));
  std::optional<base::Result<std::size_t>> outcome;
  start(read_one(*(*dialled_)->stream, outcome));
  run();
  ASSERT_TRUE(outcome && !*outcome);
  EXPECT_EQ(outcome->error(), Error::kProtocolViolation);
  base::Bytes into(10);
  EXPECT_EQ((*dialled_)->stream->read_available(into), 0u);
  std::optional<base::Result<std::size_t>> raw_outcome;
  start(read_one(*listener_raw_, raw_outcome));
  run();
  ASSERT_TRUE(raw_outcome && !*raw_outcome);
  EXPECT_EQ(raw_outcome->error(), Error::kReset);
}

TEST_F(NoiseStreamTest, AnEndInsideAFrameIsNoEndOfStream) {
  for (const bool waits_first : {false, true}) {
    make_pipe();
    answer_by_hand(make_payload(listener_key_, hand_key_.public_key, {kYamux}));
    ASSERT_TRUE(dialled_ && *dialled_);
    receive_frame(*listener_raw_);
    send(*listener_raw_, {0, 40, 1, 2, 3}, true);
    std::optional<base::Result<std::size_t>> outcome;
    start(read_one(*(*dialled_)->stream, outcome, waits_first));
    run();
    ASSERT_TRUE(outcome && !*outcome);
    EXPECT_EQ(outcome->error(), Error::kUnexpectedEof);
  }
}

}  // namespace
}  // namespace libp2p::noise
