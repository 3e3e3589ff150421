// Data connections between hosts, on sockets and in memory.
#include "base/network_threads.h"
#include "libp2p/core/error.h"
#include "libp2p/host/host_fixture.h"
#include "libp2p/testing/memory_transport.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

namespace libp2p {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kBytesProtocol = "/test/bytes/1.0.0";
constexpr std::size_t kMegabyte = 1 << 20;

base::Bytes pattern(std::size_t size) {
  base::Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 4096);
  return bytes;
}

/// Sends back what comes, until the stream ends.
base::Task<> echo_stream(Stream& stream) {
  base::Bytes chunk(64 * 1024);
  for (;;) {
    auto count = co_await stream.read_some(chunk);
    if (!count || *count == 0) break;
    auto written = co_await stream.write(base::ConstBytes(chunk.data(), *count));
    if (!written) break;
  }
  (void)co_await stream.close_write();
}

base::Task<base::Result<std::size_t>> read_some(Stream& stream, base::MutableBytes into) {
  auto count = co_await stream.read_some(into);
  co_return count;
}

base::Task<> write_then_close(Stream& stream, const base::Bytes& bytes) {
  (void)co_await stream.write(bytes);
  (void)co_await stream.close_write();
}

/// Writes `size` bytes while it reads as many back, and returns those.
base::Task<base::Result<base::Bytes>> round_trip(Stream& stream, std::size_t size) {
  const base::Bytes bytes = pattern(size);
  auto executor = co_await boost::asio::this_coro::executor;
  base::spawn(executor, write_then_close(stream, bytes));
  base::Bytes received(size);
  auto read = co_await read_exact(stream, received);
  if (!read) co_return read.error();
  base::Bytes none(1);
  auto end = co_await stream.read_some(none);
  if (!end) co_return end.error();
  co_return received;
}

/// One end's use of a thread: everything of it runs there, and it can be waited for.
class MovedEnd : public std::enable_shared_from_this<MovedEnd> {
 public:
  MovedEnd(DataConnection connection, base::NetworkThreads& threads)
      : connection_(std::move(connection)), use_(threads.next()) {}

  /// On the host's executor: moves the stream and spawns `work` on the thread.
  void start(std::function<base::Task<>(MovedEnd&)> work) {
    ASSERT_TRUE(connection_.stream->move_to(use_.executor()));
    on_stop_.emplace(connection_.stop, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->reset_there();
    });
    base::spawn(use_.executor(), run(shared_from_this(), std::move(work)));
  }

  Stream& stream() { return *connection_.stream; }
  bool has_ended() const { return ended_; }
  void wait_for_end() const { ended_.wait(false); }
  void drop_stop() { on_stop_.reset(); }

  base::Result<base::Bytes> received = Error::kNotConnected;

 private:
  void reset_there() {
    boost::asio::post(use_.executor(), [self = shared_from_this()] {
      if (self->connection_.stream) self->connection_.stream->reset();
    });
  }
  static base::Task<> run(std::shared_ptr<MovedEnd> self, std::function<base::Task<>(MovedEnd&)> work) {
    base::Task<> task = work(*self);
    co_await std::move(task);
    self->connection_.stream.reset();
    self->connection_.permit.reset();
    self->ended_ = true;
    self->ended_.notify_all();
  }

  DataConnection connection_;
  base::NetworkThreads::Use use_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
  std::atomic<bool> ended_{false};
};

base::Task<> echo_there(MovedEnd& end) { return echo_stream(end.stream()); }

base::Task<> send_there(MovedEnd& end) {
  auto received = co_await round_trip(end.stream(), 4 * kMegabyte);
  end.received = std::move(received);
}

enum class Network { kTcp, kMemory, kPrivate };

class HostDataTest : public HostFixture<base::SystemClock>, public ::testing::WithParamInterface<Network> {
 protected:
  void TearDown() override {
    for (auto& end : ends_) {
      run_until([&] { return end->has_ended(); });
      end->drop_stop();
    }
    HostFixture::TearDown();
    threads_.stop();
  }

  /// The fixture's, but for hosts whose other work is done by threads that it does not see.
  void run_until(const std::function<bool()>& condition) {
    const auto work = boost::asio::make_work_guard(io_);
    while (!condition()) {
      io_.restart();
      io_.run_one_for(1ms);
    }
  }
  template <class T>
  T run(base::Task<T> task) {
    const auto work = boost::asio::make_work_guard(io_);
    return HostFixture::run(std::move(task));
  }
  using HostFixture::run;

  HostConfig data_config() const {
    HostConfig data = config();
    data.data_protocol = kBytesProtocol;
    if (GetParam() == Network::kPrivate) data.network_key = pnet::PreSharedKey({1, 2, 3});
    return data;
  }
  Host& add_data_host(HostConfig data) {
    if (GetParam() != Network::kMemory) return add_host(std::move(data));
    HostParts in_memory = parts(data);
    in_memory.transports.clear();
    in_memory.transports.push_back(std::make_unique<testing::MemoryTransport>(network_));
    in_memory.securities.clear();
    std::vector<std::string> muxers{"/yamux/1.0.0"};
    if (!data.data_protocol.empty()) muxers.push_back(data.data_protocol);
    in_memory.securities.push_back(std::make_unique<noise::NoiseSecurity>(data.key, muxers));
    in_memory.data_securities.push_back(std::make_unique<noise::NoiseSecurity>(data.key, data.data_protocol));
    return add_host(std::move(data), std::move(in_memory));
  }
  Host& add_data_host() { return add_data_host(data_config()); }

  /// A host that listens and takes data connections.
  Host& add_server() {
    Host& server = add_data_host();
    listen(server);
    keep_accepted(server);
    return server;
  }
  void keep_accepted(Host& server) {
    server.set_data_handler([this](DataConnection connection) -> base::Task<> {
      accepted_.push_back(std::move(connection));
      return finished();
    });
  }
  static base::Task<> finished() { co_return; }

  base::Result<DataConnection> open(Host& from, Host& to) {
    return run(from.open_data_connection(to.peer_id(), to.addresses()));
  }
  DataConnection take_accepted() {
    run_until([this] { return !accepted_.empty(); });
    DataConnection connection = std::move(accepted_.front());
    accepted_.erase(accepted_.begin());
    return connection;
  }

  std::shared_ptr<MovedEnd> move(DataConnection connection, std::function<base::Task<>(MovedEnd&)> work) {
    auto end = ends_.emplace_back(std::make_shared<MovedEnd>(std::move(connection), threads_));
    end->start(std::move(work));
    return end;
  }

  base::NetworkThreads threads_{3};
  testing::MemoryNetwork network_{io_.get_executor()};
  std::vector<DataConnection> accepted_;
  std::vector<std::shared_ptr<MovedEnd>> ends_;
};

constexpr std::array kNetworkNames{"Tcp", "Memory", "Private"};

INSTANTIATE_TEST_SUITE_P(On, HostDataTest, ::testing::Values(Network::kTcp, Network::kMemory, Network::kPrivate),
                         [](const auto& each) { return kNetworkNames[static_cast<std::size_t>(each.param)]; });

TEST_P(HostDataTest, BytesGoBothWaysOnTheHostsOwnThread) {
  Host& server = add_server();
  Host& client = add_data_host();
  auto ours = open(client, server);
  ASSERT_TRUE(ours) << ours.error().message();
  EXPECT_EQ(ours->remote_peer, server.peer_id());
  auto theirs = take_accepted();
  EXPECT_EQ(theirs.remote_peer, client.peer_id());
  bool echoed = false;
  base::spawn(io_.get_executor(), [](Stream& stream, bool& done) -> base::Task<> {
    co_await echo_stream(stream);
    done = true;
  }(*theirs.stream, echoed));
  EXPECT_EQ(run(round_trip(*ours->stream, kMegabyte)).value(), pattern(kMegabyte));
  run_until([&] { return echoed; });
}

TEST_P(HostDataTest, MovedStreamsCarryMegabytes) {
  Host& server = add_server();
  Host& client = add_data_host();
  std::vector<std::shared_ptr<MovedEnd>> senders;
  for (int i = 0; i < 3; ++i) {
    auto ours = open(client, server);
    ASSERT_TRUE(ours);
    // Either side may be the one that sends.
    auto theirs = take_accepted();
    if (i == 1) std::swap(*ours, theirs);
    move(std::move(theirs), echo_there);
    senders.push_back(move(std::move(*ours), send_there));
  }
  for (const auto& each : senders) {
    run_until([&] { return each->has_ended(); });
    ASSERT_TRUE(each->received) << each->received.error().message();
    EXPECT_EQ(*each->received, pattern(4 * kMegabyte));
  }
}

TEST_P(HostDataTest, OneEndMayMoveWithBytesOnTheirWay) {
  Host& server = add_server();
  Host& client = add_data_host();
  auto ours = open(client, server);
  ASSERT_TRUE(ours);
  auto theirs = take_accepted();
  base::Bytes first = pattern(1000);
  ASSERT_TRUE(run(ours->stream->write(first)));
  base::Bytes half(500);
  ASSERT_TRUE(run(read_exact(*theirs.stream, half)));
  auto end = move(std::move(theirs), echo_there);
  EXPECT_EQ(run(read_some(*ours->stream, half)).value(), 500u);
  EXPECT_EQ(half, base::Bytes(first.begin() + 500, first.end()));
  ours->stream->reset();
  run_until([&] { return end->has_ended(); });
}

TEST_P(HostDataTest, ItIsNoOrdinaryConnection) {
  Host& server = add_server();
  Host& client = add_data_host();
  auto ours = open(client, server);
  ASSERT_TRUE(ours);
  auto theirs = take_accepted();
  EXPECT_THAT(client.connections(), IsEmpty());
  EXPECT_THAT(server.connections(), IsEmpty());
  const auto ordinary = connect(client, server);
  EXPECT_FALSE(ordinary->is_superseded());
  EXPECT_EQ(run(send_and_receive(ordinary, pattern(1000))).value(), pattern(1000));
  auto second = open(client, server);
  ASSERT_TRUE(second);
  EXPECT_THAT(client.connections(), SizeIs(1));
  ordinary->close();
  EXPECT_FALSE(ours->stop.stop_requested());
}

TEST_P(HostDataTest, APeerThatDoesNotKnowItRefuses) {
  HostConfig plain = data_config();
  plain.data_protocol.clear();
  Host& server = add_data_host(plain);
  listen(server);
  Host& client = add_data_host();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(open(client, server).error(), Error::kProtocolNotSupported);
  EXPECT_FALSE(client.backoff_until(server.peer_id())) << "it is there";
  const auto ordinary = connect(client, server);
  EXPECT_EQ(run(send_and_receive(ordinary, pattern(1000))).value(), pattern(1000));
  EXPECT_EQ(open(server, client).error(), Error::kProtocolNotSupported);
}

TEST_P(HostDataTest, AHostWithoutAHandlerResetsIt) {
  Host& server = add_data_host();
  listen(server);
  Host& client = add_data_host();
  auto ours = open(client, server);
  ASSERT_TRUE(ours);
  base::Bytes into(1);
  EXPECT_FALSE(run(read_some(*ours->stream, into)));
}

TEST_P(HostDataTest, AnotherPeerThanExpectedIsRefused) {
  Host& server = add_server();
  Host& client = add_data_host();
  const auto other = multiformats::PeerId::from_public_key(multiformats::PrivateKey::generate().public_key());
  EXPECT_EQ(run(client.open_data_connection(other, server.addresses())).error(), Error::kPeerIdMismatch);
  settle();
  EXPECT_THAT(accepted_, IsEmpty());
}

TEST_P(HostDataTest, TheyCountAsConnectionsToThePeerUntilTheirPermitIsDropped) {
  Host& server = add_server();
  HostConfig bounded = data_config();
  bounded.connections_per_peer_max = 3;
  Host& client = add_data_host(bounded);
  connect(client, server);
  std::vector<DataConnection> held;
  for (int i = 0; i < 2; ++i) held.push_back(open(client, server).value());
  EXPECT_EQ(open(client, server).error(), Error::kTooManyConnections);
  Host& other = add_server();
  EXPECT_TRUE(open(client, other)) << "others have places of their own";
  std::thread([&] { held[0].permit.reset(); }).join();
  settle();
  EXPECT_TRUE(open(client, server));
}

TEST_P(HostDataTest, TheyCountAmongAllConnections) {
  HostConfig bounded = data_config();
  bounded.connections_max = 2;
  Host& server = add_data_host(bounded);
  listen(server);
  keep_accepted(server);
  Host& client = add_data_host();
  auto first = open(client, server);
  auto second = open(client, server);
  ASSERT_TRUE(first && second);
  run_until([this] { return accepted_.size() == 2; });
  EXPECT_FALSE(open(client, server)) << "refused before a handshake";
  EXPECT_EQ(open(server, client).error(), Error::kNotConnected) << "the client does not listen";
  listen(client);
  EXPECT_EQ(open(server, client).error(), Error::kTooManyConnections);
  accepted_.clear();
  settle();
  EXPECT_TRUE(open(server, client));
}

TEST_P(HostDataTest, DisconnectingThePeerEndsAStreamInUseOnAnotherThread) {
  Host& server = add_server();
  Host& client = add_data_host();
  Host& bystander = add_server();
  auto ours = move(open(client, server).value(), echo_there);
  auto theirs = move(take_accepted(), echo_there);
  auto others = open(client, bystander);
  ASSERT_TRUE(others);
  client.disconnect(server.peer_id());
  run_until([&] { return ours->has_ended() && theirs->has_ended(); });
  EXPECT_FALSE(others->stop.stop_requested());
}

TEST_P(HostDataTest, AGateThatDeniesThePeerEndsItAndFurtherOnes) {
  Host& server = add_server();
  Host& client = add_data_host();
  auto ours = move(open(client, server).value(), echo_there);
  auto theirs = move(take_accepted(), echo_there);
  ConnectionGate gate;
  gate.denied_peers.insert(client.peer_id());
  server.set_gate(gate);
  run_until([&] { return ours->has_ended() && theirs->has_ended(); });
  ASSERT_TRUE(open(client, server)) << "the listener knows who it is only after the handshake";
  settle();
  EXPECT_THAT(accepted_, IsEmpty());
  listen(client);
  EXPECT_EQ(open(server, client).error(), Error::kDenied);
}

TEST_P(HostDataTest, ClosingTheHostEndsAStreamInUseOnAnotherThread) {
  Host& server = add_server();
  Host& client = add_data_host();
  auto ours = move(open(client, server).value(), send_there);
  auto theirs = move(take_accepted(), echo_there);
  run(client.close());
  run_until([&] { return ours->has_ended() && theirs->has_ended(); });
  EXPECT_EQ(open(client, server).error(), Error::kClosing);
}

TEST_P(HostDataTest, TheHostClosesWhileSomebodyHoldsADataConnection) {
  Host& server = add_server();
  Host& client = add_data_host();
  auto held = open(client, server);
  ASSERT_TRUE(held);
  run(client.close());
  EXPECT_TRUE(held->stop.stop_requested());
}

TEST_P(HostDataTest, ADialUnderWayEndsWhenTheHostCloses) {
  Host& server = add_server();
  Host& client = add_data_host();
  std::optional<base::Result<DataConnection>> opened;
  base::spawn(io_.get_executor(), [](Host& from, Host& to, auto& into) -> base::Task<> {
    auto addresses = to.addresses();
    into.emplace(co_await from.open_data_connection(to.peer_id(), std::move(addresses)));
  }(client, server, opened));
  io_.poll_one();
  run(client.close());
  run_until([&] { return opened.has_value(); });
  EXPECT_FALSE(*opened);
}

TEST_P(HostDataTest, APermitMayBeDroppedOnAnotherThreadAfterTheHostIsGone) {
  std::shared_ptr<void> ours;
  std::shared_ptr<void> theirs;
  {
    Host& server = add_server();
    Host& client = add_data_host();
    ours = open(client, server).value().permit;
    theirs = take_accepted().permit;
    for (auto& host : hosts_) run(host->close());
    hosts_.clear();
  }
  std::thread([&] {
    ours.reset();
    theirs.reset();
  }).join();
  settle();
}

}  // namespace
}  // namespace libp2p
