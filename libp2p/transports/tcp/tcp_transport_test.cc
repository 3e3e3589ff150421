#include "libp2p/transports/tcp/tcp_transport.h"

#include "base/unique_fd.h"
#include "libp2p/core/error.h"
#include "libp2p/transports/tcp/send_buffer.h"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>

namespace libp2p {
namespace {

using namespace std::chrono_literals;
using multiformats::Multiaddr;

template <class T>
base::Task<> store_result(base::Task<T> task, std::optional<T>& into) {
  into.emplace(co_await std::move(task));
}

class TcpTransportTest : public ::testing::Test {
 protected:
  /// Starts `task`; its result is in the optional once it has ended.
  template <class T>
  std::shared_ptr<std::optional<T>> start(base::Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    base::spawn(io_.get_executor(), store_result(std::move(task), *result));
    results_.push_back(result);
    return result;
  }

  /// Runs `task` to its end.
  template <class T>
  T run(base::Task<T> task) {
    auto result = start(std::move(task));
    run_until([&] { return result->has_value(); });
    return std::move(**result);
  }

  void run_until(const std::function<bool()>& done) {
    while (!done()) {
      io_.restart();
      ASSERT_GT(io_.run_one(), 0u) << "nothing left to do";
    }
  }

  void poll() {
    io_.restart();
    io_.poll();
  }

  std::unique_ptr<Listener> listen(std::string_view address = "/ip4/127.0.0.1/tcp/0") {
    auto listener = transport_.listen(Multiaddr::from_text(address).value());
    EXPECT_TRUE(listener) << listener.error().message();
    return listener ? std::move(*listener) : nullptr;
  }

  /// Two ends of one connection: the dialler's and the listener's.
  std::pair<RawConnection, RawConnection> connect(Listener& listener) {
    auto accepted = start(listener.accept());
    auto dialled = run(transport_.dial(listener.local_address(), 10s));
    EXPECT_TRUE(dialled) << dialled.error().message();
    run_until([&] { return accepted->has_value(); });
    return {std::move(*dialled), std::move(**accepted).value()};
  }

  boost::asio::io_context io_;
  std::vector<std::shared_ptr<void>> results_;
  base::ManualClock clock_;
  TcpTransport transport_{io_.get_executor(), clock_};
};

base::Task<base::Result<base::Bytes>> read_to_end(Stream& stream) {
  base::Bytes all;
  base::Bytes chunk(100'000);
  for (;;) {
    auto count = co_await stream.read_some(chunk);
    if (!count) co_return count.error();
    if (*count == 0) co_return all;
    all.insert(all.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(*count));
  }
}

base::Task<base::Result<>> write_and_close(Stream& stream, base::ConstBytes bytes) {
  auto written = co_await stream.write(bytes);
  if (!written) co_return written;
  co_return co_await stream.close_write();
}

base::Task<base::Result<>> gather_and_close(Stream& stream, std::span<const base::ConstBytes> buffers) {
  auto written = co_await stream.write_gather(buffers);
  if (!written) co_return written;
  co_return co_await stream.close_write();
}

base::Task<base::Result<>> echo(Stream& stream) {
  auto all = co_await read_to_end(stream);
  if (!all) co_return all.error();
  co_return co_await write_and_close(stream, *all);
}

base::Bytes pattern(std::size_t count) {
  base::Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + (i >> 9));
  return bytes;
}

TEST_F(TcpTransportTest, BytesComeBackFromAnEchoWithHalfClose) {
  auto listener = listen();
  auto [dialled, accepted] = connect(*listener);
  const base::Bytes sent = pattern(8'000'000);  // more than the kernel buffers
  auto echoed = start(echo(*accepted.stream));
  auto written = start(write_and_close(*dialled.stream, sent));
  auto received = run(read_to_end(*dialled.stream));
  ASSERT_TRUE(received) << received.error().message();
  EXPECT_TRUE(*received == sent);
  EXPECT_TRUE(echoed->value());
  EXPECT_TRUE(written->value());
}

TEST_F(TcpTransportTest, BothEndsNameTheSameAddresses) {
  for (const char* address : {"/ip4/127.0.0.1/tcp/0", "/ip6/::1/tcp/0"}) {
    auto listener = listen(address);
    auto [dialled, accepted] = connect(*listener);
    EXPECT_EQ(dialled.remote_address, listener->local_address()) << address;
    EXPECT_EQ(dialled.remote_address, accepted.local_address) << address;
    EXPECT_EQ(dialled.local_address, accepted.remote_address) << address;
    EXPECT_NE(listener->local_address(), Multiaddr::from_text(address).value()) << "the port is the one bound";
  }
}

TEST_F(TcpTransportTest, AnIpv6ListenerLeavesThePortFreeForIpv4) {
  auto six = listen("/ip6/::/tcp/0");
  const auto port = six->local_address().tcp_endpoint()->port;
  auto four = listen("/ip4/0.0.0.0/tcp/" + std::to_string(port));
  EXPECT_NE(four, nullptr);
}

TEST_F(TcpTransportTest, GatheredBuffersArriveInOrder) {
  auto listener = listen();
  auto [dialled, accepted] = connect(*listener);
  const base::Bytes sent = pattern(6'000'000);
  // Empty ones, many small ones (more than one writev takes) and large ones.
  std::vector<base::ConstBytes> buffers{{}};
  std::size_t at = 0;
  for (std::size_t i = 0; at < sent.size(); ++i) {
    const std::size_t size = std::min(sent.size() - at, i < 300 ? i % 7 : 100'000 + i);
    buffers.push_back(base::ConstBytes(sent).subspan(at, size));
    at += size;
  }
  buffers.push_back({});
  auto written = start(gather_and_close(*dialled.stream, buffers));
  auto received = run(read_to_end(*accepted.stream));
  ASSERT_TRUE(received);
  EXPECT_TRUE(*received == sent);
  EXPECT_TRUE(written->value());
  EXPECT_TRUE(run(accepted.stream->write_gather({})));
}

TEST_F(TcpTransportTest, AfterCloseWriteNothingMoreIsWritten) {
  auto listener = listen();
  auto [dialled, accepted] = connect(*listener);
  EXPECT_TRUE(run(dialled.stream->close_write()));
  EXPECT_TRUE(run(dialled.stream->close_write())) << "closing again changes nothing";
  EXPECT_EQ(run(dialled.stream->write(pattern(1))).error(), Error::kConnectionClosed);
  // The other direction is still open.
  EXPECT_TRUE(run(write_and_close(*accepted.stream, pattern(10))));
  EXPECT_EQ(run(read_to_end(*dialled.stream)).value(), pattern(10));
}

TEST_F(TcpTransportTest, AResetIsSeenByTheOtherSideAsAReset) {
  auto listener = listen();
  auto [dialled, accepted] = connect(*listener);
  base::Bytes into(100);
  auto pending = start(accepted.stream->read_some(into));
  poll();
  dialled.stream->reset();
  run_until([&] { return pending->has_value(); });
  EXPECT_EQ((*pending)->error(), Error::kReset);
  EXPECT_FALSE(run(dialled.stream->write(into)));
  EXPECT_FALSE(run(dialled.stream->read_some(into)));
}

TEST_F(TcpTransportTest, DestroyingAnOpenStreamResetsIt) {
  auto listener = listen();
  auto [dialled, accepted] = connect(*listener);
  dialled.stream.reset();
  base::Bytes into(100);
  EXPECT_EQ(run(accepted.stream->read_some(into)).error(), Error::kReset);
}

TEST_F(TcpTransportTest, DestroyingAStreamThatIsClosedBothWaysLosesNothing) {
  auto listener = listen();
  auto [dialled, accepted] = connect(*listener);
  const base::Bytes sent = pattern(30'000);
  EXPECT_TRUE(run(accepted.stream->close_write()));
  EXPECT_TRUE(run(read_to_end(*dialled.stream)));
  EXPECT_TRUE(run(write_and_close(*dialled.stream, sent)));
  dialled.stream.reset();
  EXPECT_EQ(run(read_to_end(*accepted.stream)).value(), sent);
}

TEST_F(TcpTransportTest, WhatWasWrittenArrivesThoughTheOtherSidesEndWasNotRead) {
  auto listener = listen();
  auto [dialled, accepted] = connect(*listener);
  EXPECT_TRUE(run(write_and_close(*dialled.stream, pattern(50'000))));
  dialled.stream.reset();
  EXPECT_EQ(run(read_to_end(*accepted.stream)).value(), pattern(50'000));
}

TEST_F(TcpTransportTest, DestroyingAStreamEndsItsPendingOperations) {
  auto listener = listen();
  auto [dialled, accepted] = connect(*listener);
  base::Bytes into(100);
  const base::Bytes large = pattern(64'000'000);  // never read, so that the write cannot complete
  auto reading = start(dialled.stream->read_some(into));
  auto writing = start(dialled.stream->write(large));
  poll();
  ASSERT_FALSE(reading->has_value());
  ASSERT_FALSE(writing->has_value());
  dialled.stream.reset();
  poll();
  ASSERT_TRUE(reading->has_value() && writing->has_value());
  EXPECT_EQ((*reading)->error(), Error::kReset);
  EXPECT_EQ((*writing)->error(), Error::kReset);
}

TEST_F(TcpTransportTest, DiallingNobodyIsRefused) {
  auto listener = listen();
  const Multiaddr nobody = listener->local_address();
  listener.reset();
  auto dialled = run(transport_.dial(nobody, 10s));
  ASSERT_FALSE(dialled);
  EXPECT_EQ(dialled.error(), boost::asio::error::connection_refused);
}

TEST_F(TcpTransportTest, AddressesThatAreNotTcpOverIpAreUnsupported) {
  for (const char* text : {"/dns4/example.org/tcp/1", "/ip4/127.0.0.1/udp/1", "/ip4/127.0.0.1/tcp/1/ws"}) {
    const Multiaddr address = Multiaddr::from_text(text).value();
    EXPECT_FALSE(transport_.can_dial(address)) << text;
    EXPECT_EQ(run(transport_.dial(address, 10s)).error(), Error::kUnsupportedAddress) << text;
    EXPECT_EQ(transport_.listen(address).error(), Error::kUnsupportedAddress) << text;
  }
  EXPECT_TRUE(transport_.can_dial(Multiaddr::from_text("/ip6/::1/tcp/1").value()));
}

TEST_F(TcpTransportTest, AnAddressInUseCannotBeListenedOn) {
  auto listener = listen();
  auto second = transport_.listen(listener->local_address());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), boost::asio::error::address_in_use);
}

/// A listening socket whose queue is full, so that the kernel leaves further connections unanswered.
class DeafListener {
 public:
  DeafListener() : listening_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listening_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listening_, 0), 0);
    EXPECT_EQ(getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    for (int& filler : fillers_) {
      filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      (void)::connect(filler, reinterpret_cast<sockaddr*>(&address), size);
    }
  }
  ~DeafListener() {
    for (int filler : fillers_) close(filler);
    close(listening_);
  }
  Multiaddr address() const { return Multiaddr::from_ip_tcp(boost::asio::ip::address_v4::loopback(), port_); }

 private:
  int listening_;
  std::uint16_t port_ = 0;
  std::array<int, 4> fillers_{};
};

TEST_F(TcpTransportTest, ADialThatNobodyAnswersTimesOut) {
  DeafListener deaf;
  auto dialled = start(transport_.dial(deaf.address(), 10s));
  poll();
  clock_.advance(9s);
  poll();
  ASSERT_FALSE(dialled->has_value());
  clock_.advance(1s);
  run_until([&] { return dialled->has_value(); });
  EXPECT_EQ((*dialled)->error(), Error::kTimeout);
}

TEST_F(TcpTransportTest, ADialUnderWayCanBeStopped) {
  DeafListener deaf;
  std::stop_source stop;
  auto dialled = start(transport_.dial(deaf.address(), 10s, stop.get_token()));
  poll();
  ASSERT_FALSE(dialled->has_value());
  stop.request_stop();
  poll();
  ASSERT_TRUE(dialled->has_value());
  EXPECT_EQ((*dialled)->error(), Error::kClosing);
  EXPECT_EQ(run(transport_.dial(deaf.address(), 10s, stop.get_token())).error(), Error::kClosing);
}

TEST_F(TcpTransportTest, WhatHasComeInIsReadWithoutWaiting) {
  auto listener = listen();
  auto [dialled, accepted] = connect(*listener);
  base::Bytes into(100);
  EXPECT_EQ(accepted.stream->read_available(into), 0u);
  EXPECT_TRUE(run(write_and_close(*dialled.stream, pattern(60))));
  EXPECT_EQ(accepted.stream->read_available(base::MutableBytes(into).first(50)), 50u);
  EXPECT_EQ(accepted.stream->read_available(into), 10u);
  EXPECT_EQ(accepted.stream->read_available(into), 0u) << "the end is not told here";
  EXPECT_EQ(run(accepted.stream->read_some(into)).value(), 0u);
}

TEST_F(TcpTransportTest, AnErrorMetWithoutWaitingIsToldByTheNextRead) {
  auto listener = listen();
  auto [dialled, accepted] = connect(*listener);
  dialled.stream->reset();
  base::Bytes into(100);
  EXPECT_EQ(accepted.stream->read_available(into), 0u);
  EXPECT_EQ(run(accepted.stream->read_some(into)).error(), Error::kReset);
}

base::Task<bool> wait_readable(Stream& stream) {
  co_await stream.wait_readable();
  co_return true;
}

TEST_F(TcpTransportTest, AStreamIsReadableOnceSomethingHasCome) {
  auto listener = listen();
  auto [dialled, accepted] = connect(*listener);
  auto waiting = start(wait_readable(*accepted.stream));
  poll();
  EXPECT_FALSE(*waiting);
  EXPECT_TRUE(run(write_and_close(*dialled.stream, pattern(60))));
  run_until([&] { return waiting->has_value(); });
  EXPECT_TRUE(run(wait_readable(*accepted.stream))) << "as long as it is not read";
  EXPECT_EQ(run(read_to_end(*accepted.stream)).value(), pattern(60));
  EXPECT_TRUE(run(wait_readable(*accepted.stream))) << "the end is readable";
}

TEST_F(TcpTransportTest, AResetEndsTheWaitForBytes) {
  auto listener = listen();
  auto [dialled, accepted] = connect(*listener);
  auto ours = start(wait_readable(*accepted.stream));
  auto theirs = start(wait_readable(*dialled.stream));
  poll();
  accepted.stream->reset();
  run_until([&] { return ours->has_value() && theirs->has_value(); });
  base::Bytes into(10);
  EXPECT_FALSE(run(accepted.stream->read_some(into)));
  EXPECT_FALSE(run(dialled.stream->read_some(into)));
  EXPECT_TRUE(run(wait_readable(*accepted.stream)));
}

TEST_F(TcpTransportTest, ClosingTheListenerEndsAPendingAccept) {
  auto listener = listen();
  auto accepted = start(listener->accept());
  poll();
  ASSERT_FALSE(accepted->has_value());
  listener->close();
  poll();
  ASSERT_TRUE(accepted->has_value());
  EXPECT_EQ((*accepted)->error(), Error::kClosing);
  EXPECT_EQ(run(listener->accept()).error(), Error::kClosing);
}

TEST_F(TcpTransportTest, DestroyingTheListenerEndsAPendingAccept) {
  auto listener = listen();
  auto accepted = start(listener->accept());
  poll();
  listener.reset();
  poll();
  ASSERT_TRUE(accepted->has_value());
  EXPECT_EQ((*accepted)->error(), Error::kClosing);
}

/// Lets the process open no more descriptors, for a scope.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int next = dup(0);
    close(next);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(next);
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoMoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(TcpTransportTest, RunningOutOfDescriptorsIsWaitedOut) {
  auto listener = listen();
  auto dialled = run(transport_.dial(listener->local_address(), 10s));
  ASSERT_TRUE(dialled);
  std::shared_ptr<std::optional<base::Result<RawConnection>>> accepted;
  {
    NoMoreDescriptors scope;
    accepted = start(listener->accept());
    poll();
    clock_.advance(1s);
    poll();
    EXPECT_FALSE(accepted->has_value());
  }
  clock_.advance(1s);
  run_until([&] { return accepted->has_value(); });
  EXPECT_TRUE(**accepted);
}

TEST_F(TcpTransportTest, ClosingTheListenerEndsTheWaitForDescriptors) {
  auto listener = listen();
  auto dialled = run(transport_.dial(listener->local_address(), 10s));
  NoMoreDescriptors scope;
  auto accepted = start(listener->accept());
  poll();
  ASSERT_FALSE(accepted->has_value());
  listener->close();
  poll();
  ASSERT_TRUE(accepted->has_value());
  EXPECT_EQ((*accepted)->error(), Error::kClosing);
}

// Dialling from the port that is listened on.

TEST_F(TcpTransportTest, TheOtherSideSeesThePortThatIsListenedOn) {
  const auto ours = listen("/ip4/0.0.0.0/tcp/0");
  const auto theirs = listen();
  auto accepted = start(theirs->accept());
  auto dialled = run(transport_.dial_from_listen_port(theirs->local_address(), 10s, {}));
  ASSERT_TRUE(dialled) << dialled.error().message();
  run_until([&] { return accepted->has_value(); });
  const auto seen = (**accepted)->remote_address.tcp_endpoint();
  EXPECT_EQ(seen->port, ours->local_address().tcp_endpoint()->port);
  EXPECT_EQ((**accepted)->remote_address, dialled->local_address);
}

TEST_F(TcpTransportTest, ASecondConnectionBetweenTwoPortsComesFromAnother) {
  const auto ours = listen();
  const auto theirs = listen();
  auto first = run(transport_.dial_from_listen_port(theirs->local_address(), 10s, {}));
  auto second = run(transport_.dial_from_listen_port(theirs->local_address(), 10s, {}));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->local_address, ours->local_address());
  EXPECT_NE(second->local_address, ours->local_address());
}

TEST_F(TcpTransportTest, WithoutAListenerOfTheFamilyAnyPortServes) {
  const auto ours = listen("/ip6/::1/tcp/0");
  const auto theirs = listen();
  EXPECT_TRUE(run(transport_.dial_from_listen_port(theirs->local_address(), 10s, {})));
}

TEST_F(TcpTransportTest, APortThatIsListenedOnIsNobodyElses) {
  const auto ours = listen();
  const auto theirs = listen();
  auto dialled = run(transport_.dial_from_listen_port(theirs->local_address(), 10s, {}));
  ASSERT_TRUE(dialled);
  TcpTransport other(io_.get_executor(), clock_);
  EXPECT_FALSE(other.listen(ours->local_address()));
  EXPECT_FALSE(transport_.listen(ours->local_address()));
}

TEST_F(TcpTransportTest, APortIsFreeForTheNextListenerWhileConnectionsFromItAreOpen) {
  auto ours = listen();
  const auto address = ours->local_address();
  const auto theirs = listen();
  auto dialled = run(transport_.dial_from_listen_port(theirs->local_address(), 10s, {}));
  ASSERT_TRUE(dialled);
  ours->close();
  EXPECT_TRUE(transport_.listen(address));
}

TEST(ListenPorts, TheBestToDialFromIsOneOnAllAddresses) {
  using boost::asio::ip::make_address;
  using boost::asio::ip::tcp;
  const auto at = [](const char* address, std::uint16_t port) { return tcp::endpoint(make_address(address), port); };
  ListenPorts ports;
  EXPECT_EQ(ports.to_dial(at("192.0.2.1", 1)), std::nullopt);
  ports.add(at("127.0.0.1", 1));
  EXPECT_EQ(ports.to_dial(at("192.0.2.1", 1)), std::nullopt) << "nobody is reached from loopback";
  EXPECT_EQ(ports.to_dial(at("127.0.0.2", 1)), at("127.0.0.1", 1));
  ports.add(at("192.0.2.9", 2));
  EXPECT_EQ(ports.to_dial(at("192.0.2.1", 1)), at("192.0.2.9", 2));
  ports.add(at("0.0.0.0", 3));
  EXPECT_EQ(ports.to_dial(at("192.0.2.1", 1)), at("0.0.0.0", 3));
  EXPECT_EQ(ports.to_dial(at("2001:db8::1", 1)), std::nullopt);
  ports.remove(at("0.0.0.0", 3));
  EXPECT_EQ(ports.to_dial(at("192.0.2.1", 1)), at("192.0.2.9", 2));
}

TEST(SendBuffer, AWideOneIsTwiceWhatIsAskedForOrLeftToTheKernel) {
  const base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto bytes = [&] {
    int value = 0;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &value, &size), 0);
    return value;
  };
  const int before = bytes();
  if (widen_send_buffer(socket.get())) {
    EXPECT_EQ(bytes(), 2 * kWideSendBufferBytes);
  } else {
    EXPECT_EQ(bytes(), before);
  }
}

TEST(SendBuffer, ARoundTripIsKnownOfAConnectionOnly) {
  const base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(round_trip_of(socket.get()), 0s);
  EXPECT_EQ(round_trip_of(-1), 0s);
}

}  // namespace
}  // namespace libp2p
