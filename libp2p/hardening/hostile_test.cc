// What a hostile peer can take from another: processor time, by what the victim's thread spends on each good byte, and
// memory. Both peers' bytes are there all the time, as from peers that are infinitely fast; the victim is the stack
// from Noise to the protocols, with a connection to each.
#include "libp2p/core/error.h"
#include "libp2p/hardening/recorded_peer.h"
#include "libp2p/host/host_connection.h"
#include "libp2p/host/host_fixture.h"
#include "libp2p/muxers/yamux/yamux_muxer.h"
#include "libp2p/negotiation/negotiate.h"
#include "libp2p/protocols/ping/ping.h"
#include "libp2p/testing/process_usage.h"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>

#include <cstdio>
#include <ctime>
#include <optional>

namespace libp2p::hardening {
namespace {

using namespace std::chrono_literals;
using yamux::FrameHeader;
using yamux::FrameType;
using yamux::kFlagFin;
using yamux::kFlagRst;
using yamux::kFlagSyn;

constexpr std::string_view kSink = "/test/sink/1.0.0";
constexpr std::string_view kUnread = "/test/unread/1.0.0";

constexpr std::size_t kGoodBytes = 96 << 20;
/// To fill more than a session may hold.
constexpr std::size_t kManyBytes = 96 << 20;
constexpr int kRounds = 3;
/// Turns of the event loop between two looks at the memory in use.
constexpr int kTurnsBetweenLooks = 500;
/// What the victim may hold besides what nobody reads: buffers of both connections, and of each stream.
constexpr std::size_t kOtherBytesMax = 16 << 20;
constexpr double kShareMin = 0.5;
/// What a handshake under way may hold: less than the connection that it becomes.
constexpr std::size_t kHandshakeBytesMax = 32 * 1024;
/// What may stay when all have ended: pools that keep what was needed once.
constexpr std::size_t kHeapToleranceBytes = 64 * 1024;

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// Brings connection after connection, each as soon as it is accepted, whose handshakes come to nothing.
class FloodTransport final : public Transport {
 public:
  FloodTransport(const base::Executor& executor, std::shared_ptr<const base::Bytes> wire)
      : executor_(executor), wire_(std::move(wire)) {}

  bool can_dial(const multiformats::Multiaddr&) const override { return true; }
  base::Task<base::Result<RawConnection>> dial(multiformats::Multiaddr, base::Duration, std::stop_token) override {
    co_return Error::kNotConnected;
  }
  base::Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) override {
    return std::make_unique<FloodListener>(executor_, wire_, address);
  }

 private:
  class FloodListener final : public Listener {
   public:
    FloodListener(const base::Executor& executor, std::shared_ptr<const base::Bytes> wire, multiformats::Multiaddr at)
        : executor_(executor), wire_(std::move(wire)), at_(std::move(at)) {}
    multiformats::Multiaddr local_address() const override { return at_; }
    base::Task<base::Result<RawConnection>> accept() override {
      co_await base::yield_now();  // as a socket's, which waits for the event loop
      if (closed_) co_return Error::kClosing;
      co_return RawConnection{play_raw(executor_, wire_), at_, at_};
    }
    void close() noexcept override { closed_ = true; }

   private:
    base::Executor executor_;
    std::shared_ptr<const base::Bytes> wire_;
    multiformats::Multiaddr at_;
    bool closed_ = false;
  };

  base::Executor executor_;
  std::shared_ptr<const base::Bytes> wire_;
};

/// Whose streams the victim serves, and what it does with them.
class Victim {
 public:
  Victim() : tasks_(io_.get_executor()), clock_(io_.get_executor()), over_(io_.get_executor()) {
    // The peer that is good sends without waiting for credit: it was recorded.
    good_config_.receive_window_initial_bytes = 512 << 20;
    good_config_.receive_window_max_bytes = 512 << 20;
    good_config_.window_growth_bytes_max = 512 << 20;
    StreamHandler sink = [this](std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
      return read_all(*this, std::move(stream));
    };
    StreamHandler ping = [this](std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
      return serve_ping(clock_, std::move(stream));
    };
    protocols_->emplace(kSink, ServedProtocol{std::move(sink)});
    StreamHandler unread = [this](std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
      return hold(*this, std::move(stream));
    };
    protocols_->emplace(kUnread, ServedProtocol{std::move(unread)});
    protocols_->emplace(kPingProtocol, ServedProtocol{std::move(ping), kPingStreamsPerConnectionMax});
  }
  ~Victim() {
    is_over_ = true;
    over_.notify_all();
    for (const auto& session : sessions_) session->abort();
    if (host_) tasks_.spawn(host_->close());
    while (tasks_.size() > 0) run_some();
  }

  /// The bytes after the first `bytes_of_opening` are sent when the stream has been granted its window.
  void connect_good(std::shared_ptr<const base::Bytes> wire, std::size_t bytes_of_opening) {
    connect(good_config_, std::move(wire), {.bytes_before_answers = bytes_of_opening, .answers_awaited = 2});
  }
  void connect_hostile(std::shared_ptr<const base::Bytes> wire, bool peer_reads) {
    hostile_.push_back(connect({}, std::move(wire), {.peer_reads = peer_reads}));
  }

  /// A host that listens, on the same thread, where nobody's handshake succeeds.
  void listen(std::shared_ptr<const base::Bytes> handshake) {
    HostConfig config{.key = multiformats::PrivateKey::generate()};
    HostParts parts;
    parts.transports.push_back(std::make_unique<FloodTransport>(io_.get_executor(), std::move(handshake)));
    parts.securities.push_back(std::make_unique<noise::NoiseSecurity>(config.key, "/yamux/1.0.0"));
    parts.muxers.push_back(std::make_unique<YamuxMuxer>(clock_));
    host_ = std::make_unique<HostImpl>(io_.get_executor(), clock_, std::move(config), std::move(parts));
    EXPECT_TRUE(host_->listen(loopback()));
  }

  /// Until the good peer's bytes have been read; the thread's processor time for it.
  double run() {
    const std::size_t bytes_before = testing::heap_bytes_in_use();
    const double begin = thread_cpu_seconds();
    while (good_bytes_ < kGoodBytes) {
      run_some();
      const std::size_t now = testing::heap_bytes_in_use();
      if (now > bytes_before) held_bytes_ = std::max(held_bytes_, now - bytes_before);
    }
    return thread_cpu_seconds() - begin;
  }

  std::size_t held_bytes() const { return held_bytes_; }
  std::size_t hostile_sessions_left() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(hostile_, [](const auto& session) { return !session->is_closed(); }));
  }

 private:
  std::shared_ptr<MuxedConnection> connect(const YamuxConfig& config, std::shared_ptr<const base::Bytes> wire,
                                           Playing playing) {
    const base::Executor executor = io_.get_executor();
    auto session = YamuxMuxer(clock_, config).start(executor, play(executor, std::move(wire), playing), false);
    sessions_.push_back(session);
    static const auto peer = multiformats::PeerId::from_public_key(multiformats::PrivateKey::generate().public_key());
    UpgradedConnection upgraded{session, peer, {}, {}, false, true};
    auto connection = std::make_shared<HostConnection>(std::move(upgraded), protocols_, tasks_, clock_, 10s);
    tasks_.spawn(serve(std::move(connection)));
    return session;
  }
  static base::Task<> serve(std::shared_ptr<HostConnection> connection) { co_await connection->serve(); }

  static base::Task<> read_all(Victim& self, std::unique_ptr<Stream> stream) {
    base::Bytes chunk(256 * 1024);
    for (;;) {
      auto count = co_await stream->read_some(chunk);
      if (!count || *count == 0) co_return;
      // A hostile peer may use the protocol as well; it never sends as much in a piece.
      if (*count > 1000) self.good_bytes_ += *count;
    }
  }
  /// Keeps the stream and reads nothing.
  static base::Task<> hold(Victim& self, std::unique_ptr<Stream> stream) {
    const std::unique_ptr<Stream> held = std::move(stream);
    while (!self.is_over_) co_await self.over_.wait();
  }

  void run_some() {
    io_.restart();
    for (int i = 0; i < kTurnsBetweenLooks && io_.poll_one() > 0; ++i) {
    }
  }

  boost::asio::io_context io_{1};
  TaskGroup tasks_;
  base::SystemClock clock_;
  YamuxConfig good_config_;
  std::shared_ptr<ProtocolTable> protocols_ = std::make_shared<ProtocolTable>();
  std::vector<std::shared_ptr<MuxedConnection>> sessions_;
  std::vector<std::shared_ptr<MuxedConnection>> hostile_;
  std::unique_ptr<HostImpl> host_;
  base::Signal over_;
  bool is_over_ = false;
  std::size_t good_bytes_ = 0;
  std::size_t held_bytes_ = 0;
};

struct Good {
  std::shared_ptr<const base::Bytes> wire;
  std::size_t bytes_of_opening = 0;
};

Good record_good() {
  Good good;
  Recorder recorder;
  recorder.open(1, kSink);
  recorder.cut();
  good.bytes_of_opening = recorder.size();
  const base::Bytes piece(64 * 1024 - 64);
  for (std::size_t sent = 0; sent < kGoodBytes + piece.size(); sent += piece.size()) recorder.data(1, piece);
  good.wire = recorder.finish();
  return good;
}

/// One way to be hostile: what is sent first, then again and again with streams of new ids.
struct Attack {
  const char* name;
  void (*begin)(Recorder&);
  void (*again)(Recorder&, std::uint32_t id);
  bool reads = true;
  std::size_t bytes = 24 << 20;
};

void open_sink(Recorder& to) { to.open(1, kSink); }
void nothing(Recorder&) {}

base::Bytes lines(std::string_view line, int count) {
  base::Bytes bytes = encode_proposal("/test/none/1.0.0");
  for (int i = 0; i < count; ++i) base::append(bytes, base::as_bytes(line));
  return bytes;
}

const Attack kAttacks[] = {
    {"data frames without bytes", open_sink, [](Recorder& to, std::uint32_t) { to.data(1, {}); }},
    {"data frames of 1 byte", open_sink, [](Recorder& to, std::uint32_t) { to.data(1, base::as_bytes("x")); }},
    {"data frames of 1 byte, a message each", open_sink,
     [](Recorder& to, std::uint32_t) {
       to.data(1, base::as_bytes("x"));
       to.cut();
     }},
    {"messages of 1 byte", open_sink,
     [](Recorder& to, std::uint32_t) {
       to.crumble(base::as_bytes(std::string_view("\0\0\0\0\0\0\0\1\0\0\0\1x", 13)));
     }},
    {"messages without bytes", nothing, [](Recorder& to, std::uint32_t) { to.empty_message(); }},
    {"window updates of 0", open_sink,
     [](Recorder& to, std::uint32_t) {
       to.frame({FrameType::kWindowUpdate, 0, 1, 0});
     }},
    {"window updates of 1", open_sink,
     [](Recorder& to, std::uint32_t) {
       to.frame({FrameType::kWindowUpdate, 0, 1, 1});
     }},
    {"pings", nothing,
     [](Recorder& to, std::uint32_t id) {
       to.frame({FrameType::kPing, kFlagSyn, 0, id});
     }},
    {"streams opened", nothing, [](Recorder& to, std::uint32_t id) { to.open(id); }},
    {"streams opened, answers not read", nothing, [](Recorder& to, std::uint32_t id) { to.open(id); }, false},
    {"streams opened and reset", nothing,
     [](Recorder& to, std::uint32_t id) {
       to.open(id);
       to.frame({FrameType::kWindowUpdate, kFlagRst, id, 0});
     }},
    {"streams opened and half-closed", nothing,
     [](Recorder& to, std::uint32_t id) {
       to.frame({FrameType::kData, kFlagSyn | kFlagFin, id, 0});
     }},
    {"streams served and half-closed", nothing,
     [](Recorder& to, std::uint32_t id) {
       to.open(id, kSink);
       to.frame({FrameType::kData, kFlagFin, id, 0});
     }},
    {"resets of no stream", nothing,
     [](Recorder& to, std::uint32_t id) {
       to.frame({FrameType::kWindowUpdate, kFlagRst, id, 0});
     }},
    {"data for no stream", nothing, [](Recorder& to, std::uint32_t id) { to.data(id, base::as_bytes("0123456789")); }},
    {"negotiation without end", nothing,
     [](Recorder& to, std::uint32_t id) {
       to.open(id);
       to.data(id, lines("\x12/test/none/2.0.0\n", 1000));
       to.frame({FrameType::kWindowUpdate, kFlagRst, id, 0});
     }},
    {"lists of protocols asked for, not read", nothing,
     [](Recorder& to, std::uint32_t id) {
       to.open(id);
       to.data(id, lines("\x03ls\n", 1000));
     },
     false},
    {"streams filled that nobody reads", nothing,
     [](Recorder& to, std::uint32_t id) {
       to.open(id, kUnread);
       static const base::Bytes payload(200'000);
       to.data(id, payload);
     },
     true, kManyBytes},
    {"streams filled, answers not read", nothing,
     [](Recorder& to, std::uint32_t id) {
       to.open(id, kUnread);
       static const base::Bytes payload(200'000);
       to.data(id, payload);
     },
     false, kManyBytes},
    {"more data than the window", open_sink,
     [](Recorder& to, std::uint32_t) {
       static const base::Bytes payload(60'000);
       to.data(1, payload);
     }},
    {"go away", nothing,
     [](Recorder& to, std::uint32_t) {
       to.frame({FrameType::kGoAway, 0, 0, 0});
     }},
};

std::shared_ptr<const base::Bytes> record(const Attack& attack) {
  Recorder recorder;
  attack.begin(recorder);
  for (std::uint32_t id = 3; recorder.size() < attack.bytes; id += 2) attack.again(recorder, id);
  return recorder.finish();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// What became of the victim, in several rounds.
struct Outcome {
  std::vector<double> good_rates;  ///< MB a second of the victim's processor time
  std::size_t held_bytes = 0;
  bool hostile_ended = false;
};

void run_round(const Good& good, const std::shared_ptr<const base::Bytes>& hostile, bool hostile_reads, int connections,
               Outcome& outcome) {
  Victim victim;
  for (int i = 0; i < connections; ++i) victim.connect_hostile(hostile, hostile_reads);
  victim.connect_good(good.wire, good.bytes_of_opening);
  outcome.good_rates.push_back(static_cast<double>(kGoodBytes) / 1e6 / victim.run());
  outcome.held_bytes = std::max(outcome.held_bytes, victim.held_bytes());
  outcome.hostile_ended = victim.hostile_sessions_left() == 0;
}

TEST(HostileTest, AnotherPeerKeepsHalfOfTheProcessorAndMemoryIsBounded) {
  const Good good = record_good();
  std::printf("%-40s %6s %6s %6s %8s %8s %9s  %s\n", "good MB a CPU second", "alone", "beside", "share", "beside 4",
              "share", "held MB", "its session");
  for (const Attack& attack : kAttacks) {
    SCOPED_TRACE(attack.name);
    const auto hostile = record(attack);
    Outcome alone;
    Outcome beside_one;
    Outcome beside_four;
    for (int round = 0; round < kRounds; ++round) {
      run_round(good, nullptr, false, 0, alone);
      run_round(good, hostile, attack.reads, 1, beside_one);
      run_round(good, hostile, attack.reads, 4, beside_four);
    }
    const double rate = median(alone.good_rates);
    const double share = median(beside_one.good_rates) / rate;
    const double share_of_four = median(beside_four.good_rates) / rate;
    std::printf("%-40s %6.0f %6.0f %5.0f%% %8.0f %7.0f%% %9.1f  %s\n", attack.name, rate, median(beside_one.good_rates),
                100 * share, median(beside_four.good_rates), 100 * share_of_four,
                static_cast<double>(beside_one.held_bytes) / 1e6, beside_one.hostile_ended ? "ended" : "goes on");
    EXPECT_GE(share, kShareMin);
    EXPECT_LE(beside_one.held_bytes, YamuxConfig().received_bytes_max + kOtherBytesMax);
  }
}

/// The dialler's part of a handshake up to the third message, which is none.
std::shared_ptr<const base::Bytes> record_bad_handshake() {
  base::Bytes all = encode_proposal("/noise");
  base::append(all, base::Bytes{0, 32});
  const noise::KeyPair ephemeral = noise::KeyPair::generate();
  base::append(all, ephemeral.public_key);
  base::append(all, base::Bytes{0, 100});
  all.resize(all.size() + 100, 7);
  return std::make_shared<const base::Bytes>(std::move(all));
}

TEST(HostileTest, AnotherPeerKeepsHalfOfTheProcessorBesideAFloodOfHandshakes) {
  const Good good = record_good();
  const auto hostile = record_bad_handshake();
  Outcome alone;
  Outcome beside_flood;
  for (int round = 0; round < kRounds; ++round) {
    run_round(good, nullptr, false, 0, alone);
    Victim victim;
    victim.listen(hostile);
    victim.connect_good(good.wire, good.bytes_of_opening);
    beside_flood.good_rates.push_back(static_cast<double>(kGoodBytes) / 1e6 / victim.run());
  }
  const double share = median(beside_flood.good_rates) / median(alone.good_rates);
  std::printf("beside a flood of handshakes: %.0f of %.0f MB a CPU second, %.0f%%\n", median(beside_flood.good_rates),
              median(alone.good_rates), 100 * share);
  EXPECT_GE(share, kShareMin);
}

/// How far a handshake comes before its peer falls silent.
base::Bytes beginning_of_handshake(std::size_t bytes) {
  base::Bytes all = encode_proposal("/noise");
  base::append(all, base::Bytes{0x1f, 0xff});  // the length of a first message, as long as they may be
  all.resize(std::max(all.size(), bytes), 1);
  all.resize(bytes);
  return all;
}

using SlowHandshakeTest = HostTimeTest;

TEST_F(SlowHandshakeTest, HandshakesThatDoNotGoOnHoldLittleAndEnd) {
  Host& server = add_host();
  const auto at = listen(server).tcp_endpoint().value();
  const std::size_t count = HostConfig{.key = multiformats::PrivateKey::generate()}.pending_inbound_per_network_max;
  for (const std::size_t bytes : {0u, 1u, 20u, 28u, 100u, 8000u}) {
    const base::Bytes beginning = beginning_of_handshake(bytes);
    settle();
    const testing::ProcessUsage before = testing::measure_process();
    std::vector<boost::asio::ip::tcp::socket> silent;
    for (std::size_t i = 0; i < count; ++i) {
      silent.emplace_back(io_).connect({at.address, at.port});
      boost::asio::write(silent.back(), boost::asio::buffer(beginning));
    }
    settle();
    const testing::ProcessUsage during = testing::measure_process();
    std::printf("%5zu bytes of a handshake hold %zu bytes\n", bytes, (during.heap_bytes - before.heap_bytes) / count);
    EXPECT_LE(during.heap_bytes, before.heap_bytes + count * kHandshakeBytesMax);
    clock_.advance(10s);
    settle();
    silent.clear();
    settle();
    const testing::ProcessUsage after = testing::measure_process();
    EXPECT_EQ(after.descriptors, before.descriptors);
    EXPECT_LE(after.heap_bytes, before.heap_bytes + kHeapToleranceBytes);
  }
}

}  // namespace
}  // namespace libp2p::hardening
