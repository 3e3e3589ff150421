#include "libp2p/security/tls/tls_fixture.h"

namespace libp2p::tls {
namespace {

using TlsStreamTest = TlsPairFixture;

base::Bytes random(std::size_t size) {
  base::Bytes bytes(size);
  base::random_bytes(bytes);
  return bytes;
}

TEST_F(TlsStreamTest, TenMebibytesBothWaysInRandomChunks) {
  for (const std::uint64_t records_per_key : {kRecordsPerKey, std::uint64_t{2}, std::uint64_t{7}}) {
    dialler_.set_records_per_key(records_per_key);
    connect();
    const base::Bytes to_right = random(10 << 20);
    const base::Bytes to_left = random(10 << 20);
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
}

/// A raw stream that gives much at a time, and takes much.
class TlsLargeTest : public TlsPairFixture {
 protected:
  void connect_large(std::size_t capacity_bytes, std::size_t read_bytes_max) {
    libp2p::testing::MemoryPipeOptions options;
    options.capacity_bytes = capacity_bytes;
    options.read_bytes_max = read_bytes_max;
    options.offers_read_available = true;
    connect(options);
  }
};

TEST_F(TlsLargeTest, LargeWritesAndReads) {
  unsigned seed = 0;
  for (const std::size_t capacity : {std::size_t{2} << 20, std::size_t{300'000}, std::size_t{64} << 10}) {
    for (const std::size_t read_bytes_max : {SIZE_MAX, std::size_t{150'000}}) {
      dialler_.set_records_per_key(50);
      connect_large(capacity, read_bytes_max);
      const base::Bytes to_right = random(10 << 20);
      const base::Bytes to_left = random(10 << 20);
      base::Bytes right_got;
      base::Bytes left_got;
      bool right_ended = false;
      bool left_ended = false;
      start(send_all(*left_, to_right, ++seed));
      start(send_all(*right_, to_left, ++seed));
      start(receive_all(*left_, left_got, ++seed, left_ended));
      start(receive_all(*right_, right_got, ++seed, right_ended));
      run();
      EXPECT_TRUE(left_ended && right_ended);
      EXPECT_TRUE(left_got == to_left);
      EXPECT_TRUE(right_got == to_right);
    }
  }
}

TEST_F(TlsLargeTest, AWriteThatIsGivenUpLeavesNobodyBehind) {
  for (int i = 0; i < 20; ++i) {
    auto io = std::make_unique<boost::asio::io_context>();
    libp2p::testing::MemoryPipeOptions options;
    options.capacity_bytes = 300'000;
    auto [raw, other] = libp2p::testing::make_memory_pipe(io->get_executor(), options);
    const base::Bytes secret(32, 1);
    const TrafficSecret traffic(Suite::kAes128GcmSha256, secret);
    TlsStream stream(std::move(raw), TrafficSecrets{traffic, traffic});
    const base::Bytes sent = random(2'000'000);
    const auto write = [](Stream& to, base::ConstBytes bytes) -> base::Task<> { (void)co_await to.write(bytes); };
    base::spawn(io->get_executor(), write(stream, sent));
    io->poll();
    // The coroutine goes while it waits for the pipe, and with it what it was sealing into.
    other.reset();
    io->poll();
  }
}

TEST_F(TlsLargeTest, ABadRecordInTheMiddleIsFoundAfterWhatWasGood) {
  const base::Bytes secret(32, 1);
  const TrafficSecret traffic(Suite::kAes128GcmSha256, secret);
  RecordSealer sealer(traffic);
  const base::Bytes sent = random(60 * kContentMaxBytes);
  const base::ConstBytes one = sent;
  GatherCursor from(std::span(&one, 1));
  base::Bytes wire(61 * kRecordMaxBytes);
  wire.resize(sealer.seal_some(from, wire));
  wire[40 * kRecordMaxBytes + 100] ^= 1;
  libp2p::testing::MemoryPipeOptions options;
  options.capacity_bytes = 2 << 20;
  options.offers_read_available = true;
  auto [raw, other] = libp2p::testing::make_memory_pipe(context_.get_executor(), options);
  TlsStream stream(std::move(raw), TrafficSecrets{traffic, traffic});
  start(write_raw(*other, wire));
  run();
  base::Bytes got;
  base::Error error;
  const auto read = [](Stream& from_stream, base::Bytes& into, base::Error& failed) -> base::Task<> {
    base::Bytes buffer(1 << 20);
    for (;;) {
      auto count = co_await from_stream.read_some(buffer);
      if (!count) failed = count.error();
      if (!count || *count == 0) co_return;
      base::append(into, base::ConstBytes(buffer).first(*count));
    }
  };
  start(read(stream, got, error));
  run();
  EXPECT_EQ(error, Error::kProtocolViolation);
  EXPECT_EQ(got.size(), 40 * kContentMaxBytes);
  EXPECT_TRUE(std::equal(got.begin(), got.end(), sent.begin()));
}

TEST_F(TlsStreamTest, AWriterMayHaveItsBuffersBackBeforeTheWriteIsDone) {
  connect();
  base::Bytes sent = random(2'000'000);
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

TEST_F(TlsStreamTest, OneByteReadsOfTheRawStream) {
  connect(1);
  const base::Bytes sent = random(100'000);
  base::Bytes got;
  bool ended = false;
  start(send_all(*left_, sent, 5));
  start(receive_all(*right_, got, 6, ended));
  run();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(got == sent);
}

TEST_F(TlsStreamTest, AResetFailsThePendingRead) {
  for (const bool waits_first : {false, true}) {
    connect();
    ReadOutcome outcome;
    start(read_one(*right_, outcome, waits_first));
    run();
    EXPECT_FALSE(outcome);
    left_->reset();
    run();
    ASSERT_TRUE(outcome && !*outcome);
    EXPECT_EQ(outcome->error(), Error::kReset);
  }
}

TEST_F(TlsStreamTest, NothingIsWrittenAfterTheEnd) {
  connect();
  start(write_and_close(*left_, base::as_bytes("last")));
  run();
  std::optional<base::Result<>> outcome;
  const auto write = [](Stream& stream, std::optional<base::Result<>>& result) -> base::Task<> {
    auto written = co_await stream.write(base::as_bytes("more"));
    result = written;
  };
  start(write(*left_, outcome));
  run();
  ASSERT_TRUE(outcome && !*outcome);
  EXPECT_EQ(outcome->error(), Error::kConnectionClosed);
}

/// Our stream and OpenSSL's record layer at the other end.
class TlsInteroperationTest : public TlsFixture, public ::testing::WithParamInterface<const char*> {
 protected:
  struct Options {
    bool ours_dials = true;
    std::size_t tickets = 0;
    std::size_t padding = 0;
    std::string suites = "TLS_AES_128_GCM_SHA256";
  };
  static base::Task<> shake(testing::OpensslPeer& peer) {
    const bool succeeded = co_await peer.handshake();
    EXPECT_TRUE(succeeded);
  }
  void connect(const Options& options) {
    make_pipe();
    testing::TestCertificateOptions certificate;
    certificate.signed_key = [this](base::ConstBytes key) { return make_signed_key(listener_key_, key); };
    certificate_ = testing::make_test_certificate(certificate);
    testing::OpensslPeerOptions peer;
    peer.dials = !options.ours_dials;
    peer.certificate = certificate_.certificate.get();
    peer.key = certificate_.key.get();
    peer.tickets = options.tickets;
    peer.padding = options.padding;
    peer.cipher_suites = options.suites;
    if (options.ours_dials) {
      dial();
      peer_ = std::make_unique<testing::OpensslPeer>(std::move(listener_raw_), peer);
    } else {
      listen();
      peer_ = std::make_unique<testing::OpensslPeer>(std::move(dialler_raw_), peer);
    }
    start(shake(*peer_));
    run();
    Outcome& outcome = options.ours_dials ? dialled_ : accepted_;
    ASSERT_TRUE(outcome && *outcome);
    ours_ = std::move((*outcome)->stream);
  }
  static base::Task<> peer_sends(testing::OpensslPeer& peer, base::ConstBytes data, unsigned seed, bool updates_keys) {
    std::mt19937 random_source(seed);
    while (!data.empty()) {
      const std::size_t max = random_source() % 2 ? 100 : 100'000;
      const std::size_t size = std::min<std::size_t>(1 + random_source() % max, data.size());
      if (updates_keys && random_source() % 4 == 0) peer.update_key(random_source() % 2 == 0);
      const bool written = co_await peer.write(data.first(size));
      EXPECT_TRUE(written);
      if (!written) co_return;
      data = data.subspan(size);
    }
    co_await peer.shut_down();
  }
  static base::Task<> peer_receives(testing::OpensslPeer& peer, base::Bytes& data, bool& ended) {
    base::Bytes buffer(100'000);
    for (;;) {
      auto count = co_await peer.read(buffer);
      EXPECT_TRUE(count);
      if (!count) co_return;
      if (*count == 0) break;
      base::append(data, base::ConstBytes(buffer).first(*count));
    }
    ended = true;
  }
  void exchange(bool updates_keys) {
    const base::Bytes to_peer = random(4 << 20);
    const base::Bytes to_us = random(4 << 20);
    base::Bytes peer_got;
    base::Bytes we_got;
    bool peer_ended = false;
    bool we_ended = false;
    start(send_all(*ours_, to_peer, 1));
    start(receive_all(*ours_, we_got, 2, we_ended));
    // OpenSSL takes no read while its write is under way, so the peer does one after the other.
    const auto both = [](testing::OpensslPeer& peer, base::ConstBytes data, bool updates, base::Bytes& got,
                         bool& ended) -> base::Task<> {
      co_await peer_sends(peer, data, 3, updates);
      co_await peer_receives(peer, got, ended);
    };
    start(both(*peer_, to_us, updates_keys, peer_got, peer_ended));
    run();
    EXPECT_TRUE(peer_ended);
    EXPECT_TRUE(we_ended);
    EXPECT_TRUE(peer_got == to_peer);
    EXPECT_TRUE(we_got == to_us);
  }

  Certificate certificate_;
  std::unique_ptr<testing::OpensslPeer> peer_;
  std::unique_ptr<Stream> ours_;
};

TEST_P(TlsInteroperationTest, EachReadsTheOthersRecords) {
  for (const bool ours_dials : {true, false}) {
    connect({.ours_dials = ours_dials, .suites = GetParam()});
    exchange(false);
  }
}

TEST_P(TlsInteroperationTest, KeysChangeAsOftenAsEitherLikes) {
  for (const bool ours_dials : {true, false}) {
    dialler_.set_records_per_key(5);
    listener_.set_records_per_key(5);
    connect({.ours_dials = ours_dials, .suites = GetParam()});
    exchange(true);
  }
}

INSTANTIATE_TEST_SUITE_P(Suites, TlsInteroperationTest,
                         ::testing::Values("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                           "TLS_CHACHA20_POLY1305_SHA256"));

TEST_F(TlsInteroperationTest, TicketsAndPaddingAreTaken) {
  connect({.tickets = 4, .padding = 4096});
  exchange(true);
}

TEST_F(TlsInteroperationTest, AnEndWithoutCloseNotifyIsATruncation) {
  for (const bool waits_first : {false, true}) {
    connect({});
    const auto close = [](Stream& raw) -> base::Task<> {
      auto closed = co_await raw.close_write();
      EXPECT_TRUE(closed);
    };
    start(close(peer_->raw()));
    ReadOutcome outcome;
    start(read_one(*ours_, outcome, waits_first));
    run();
    ASSERT_TRUE(outcome && !*outcome);
    EXPECT_EQ(outcome->error(), Error::kUnexpectedEof);
  }
}

TEST_F(TlsInteroperationTest, ABadRecordEndsTheConnection) {
  connect({});
  base::Bytes record(40, 7);
  record[0] = 23;
  base::store_be16(record.data() + 3, 35);
  start(write_raw(peer_->raw(), record));
  ReadOutcome outcome;
  start(read_one(*ours_, outcome));
  run();
  ASSERT_TRUE(outcome && !*outcome);
  EXPECT_EQ(outcome->error(), Error::kProtocolViolation);
  ReadOutcome raw_outcome;
  start(read_one(peer_->raw(), raw_outcome));
  run();
  ASSERT_TRUE(raw_outcome && !*raw_outcome);
  EXPECT_EQ(raw_outcome->error(), Error::kReset);
}

}  // namespace
}  // namespace libp2p::tls
