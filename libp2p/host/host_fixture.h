// What the tests of hosts share.
#pragma once

#include "libp2p/host/host.h"
#include "libp2p/host/host_impl.h"
#include "libp2p/muxers/yamux/yamux_muxer.h"
#include "libp2p/security/noise/noise_security.h"
#include "libp2p/security/tls/tls_security.h"
#include "libp2p/transports/tcp/tcp_transport.h"

#include <gtest/gtest.h>

namespace libp2p {

inline constexpr std::string_view kEcho = "/test/echo/1.0.0";

inline multiformats::Multiaddr address(std::string_view text) {
  return multiformats::Multiaddr::from_text(text).value();
}

inline multiformats::Multiaddr loopback() { return address("/ip4/127.0.0.1/tcp/0"); }

inline base::Task<> echo(std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
  base::Bytes chunk(10'000);
  for (;;) {
    auto count = co_await stream->read_some(chunk);
    if (!count || *count == 0) break;
    auto written = co_await stream->write(base::ConstBytes(chunk.data(), *count));
    if (!written) break;
  }
  (void)co_await stream->close_write();
}

/// Sends `bytes`, then reads as many back: at most a stream's window (256 KiB) of them, or both sides wait for the
/// other. `connection` is kept by the task.
inline base::Task<base::Result<base::Bytes>> send_and_receive(std::shared_ptr<Connection> connection,
                                                              base::Bytes bytes) {
  std::vector<std::string> protocols{std::string(kEcho)};
  auto stream = co_await connection->new_stream(std::move(protocols));
  if (!stream) co_return stream.error();
  auto written = co_await stream->stream->write(bytes);
  if (!written) co_return written.error();
  base::Bytes received(bytes.size());
  auto read = co_await read_exact(*stream->stream, received);
  if (!read) co_return read.error();
  (void)co_await stream->stream->close_write();
  co_return received;
}

/// Runs hosts on one thread, under the clock given by the test.
template <class TestClock>
class HostFixture : public ::testing::Test {
 protected:
  HostFixture() : clock_(make_clock()) {}

  /// Closes the hosts that the test has made; nothing of theirs may be left to run after that.
  void TearDown() override {
    for (auto& host : hosts_) run(host->close());
    hosts_.clear();
    io_.restart();
    io_.run();
  }

  HostConfig config() const { return HostConfig{.key = multiformats::PrivateKey::generate()}; }

  /// TCP, noise and yamux, to be changed by the test.
  HostParts parts(const HostConfig& config) {
    HostParts parts;
    parts.transports.push_back(std::make_unique<TcpTransport>(io_.get_executor(), clock_));
    parts.muxers.push_back(std::make_unique<YamuxMuxer>(clock_));
    parts.securities.push_back(std::make_unique<noise::NoiseSecurity>(config.key, "/yamux/1.0.0"));
    return parts;
  }

  Host& add_host(HostConfig config) { return add_host(Host::create(io_.get_executor(), clock_, std::move(config))); }
  Host& add_host(HostConfig config, HostParts parts) {
    return add_host(std::make_unique<HostImpl>(io_.get_executor(), clock_, std::move(config), std::move(parts)));
  }
  Host& add_host() { return add_host(config()); }
  Host& add_host(std::unique_ptr<Host> host) {
    host->set_stream_handler(std::string(kEcho), echo);
    return *hosts_.emplace_back(std::move(host));
  }

  /// Runs until the task has ended.
  template <class T>
  T run(base::Task<T> task) {
    std::optional<T> result;
    base::spawn(io_.get_executor(), store(std::move(task), result));
    run_until([&result] { return result.has_value(); });
    return std::move(*result);
  }
  void run(base::Task<> task) {
    bool done = false;
    base::spawn(io_.get_executor(), mark(std::move(task), done));
    run_until([&done] { return done; });
  }

  /// Runs until `condition` holds; if it never does, the test's time limit ends it.
  void run_until(const std::function<bool()>& condition) {
    while (!condition()) {
      io_.restart();
      ASSERT_EQ(io_.run_one(), 1u) << "nothing is left to run, and the condition does not hold";
    }
  }

  /// Runs what is ready, and what loopback traffic makes ready meanwhile, until nothing more comes for a moment.
  void settle() {
    for (std::size_t ran = 1; ran > 0;) {
      io_.restart();
      ran = io_.run_for(std::chrono::milliseconds(10));
      io_.restart();
      ran += io_.poll();  // the moment may have passed while this process did not run
    }
  }

  /// The address of a listener that has been started on loopback.
  multiformats::Multiaddr listen(Host& host, const multiformats::Multiaddr& on = loopback()) {
    return host.listen(on).value();
  }

  std::shared_ptr<Connection> connect(Host& from, Host& to) {
    return run(from.connect(to.peer_id(), to.addresses())).value();
  }

  boost::asio::io_context io_;
  TestClock clock_;
  std::vector<std::unique_ptr<Host>> hosts_;

 private:
  TestClock make_clock() {
    if constexpr (std::is_same_v<TestClock, base::SystemClock>) {
      return base::SystemClock(io_.get_executor());
    } else {
      return TestClock();
    }
  }

  template <class T>
  static base::Task<> store(base::Task<T> task, std::optional<T>& result) {
    result.emplace(co_await std::move(task));
  }
  static base::Task<> mark(base::Task<> task, bool& done) {
    co_await std::move(task);
    done = true;
  }
};

using HostTest = HostFixture<base::SystemClock>;
/// For time-outs: no time passes but what the test says.
using HostTimeTest = HostFixture<base::ManualClock>;

}  // namespace libp2p
