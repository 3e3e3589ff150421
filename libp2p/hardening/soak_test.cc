// Many connections and many streams, one after the other, leave memory and descriptors where they began.
#include "libp2p/host/host_fixture.h"
#include "libp2p/testing/process_usage.h"

#include <chrono>
#include <cstdio>

namespace libp2p {
namespace {

constexpr std::size_t kConnections = 10'000;
constexpr std::size_t kStreams = 1'000'000;
/// Streams, and connections, that are open at a time.
constexpr std::size_t kAtOnce = 32;
/// Of what is counted by malloc: maps and queues that keep the room which they once needed.
constexpr std::size_t kHeapToleranceBytes = 128 * 1024;
/// Of what the system counts: pages that hold a little of what came and went.
constexpr std::size_t kResidentToleranceBytes = 1024 * 1024;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

class SoakTest : public HostTest {
 protected:
  /// Runs `count` of `work`'s tasks, in kAtOnce rows; it is given the row's number.
  template <class Work>
  void run_many(std::size_t count, Work work) {
    std::size_t left = count;
    std::size_t running = kAtOnce;
    for (std::size_t i = 0; i < kAtOnce; ++i) base::spawn(io_.get_executor(), run_row(work, i, left, running));
    run_until([&] { return running == 0; });
  }

  template <class Work>
  void expect_nothing_left(const char* what, std::size_t warm_up, std::size_t count, Work work) {
    run_many(warm_up, work);
    settle();
    const testing::ProcessUsage before = testing::measure_process();
    const auto begin = std::chrono::steady_clock::now();
    run_many(count, work);
    const double seconds = seconds_since(begin);
    settle();
    const testing::ProcessUsage after = testing::measure_process();
    std::printf("%zu %s: %.1f us each\nbefore: %s\nafter:  %s\n", count, what,
                1e6 * seconds / static_cast<double>(count), to_text(before).c_str(), to_text(after).c_str());
    EXPECT_LE(after.heap_bytes, before.heap_bytes + kHeapToleranceBytes);
    EXPECT_LE(after.resident_bytes, before.resident_bytes + kResidentToleranceBytes);
    EXPECT_EQ(after.descriptors, before.descriptors);
  }

 private:
  template <class Work>
  static base::Task<> run_row(Work work, std::size_t row, std::size_t& left, std::size_t& running) {
    while (left > 0) {
      --left;
      const bool good = co_await work(row);
      EXPECT_TRUE(good);
      if (!good) left = 0;
    }
    --running;
  }
};

/// Opens a stream, sends a byte, and reads it and the end; or drops the stream in the middle, if it is a `reset`.
base::Task<bool> open_echo_close(std::shared_ptr<Connection> connection, bool reset) {
  std::vector<std::string> protocols{std::string(kEcho)};
  auto opened = co_await connection->new_stream(std::move(protocols));
  if (!opened) co_return false;
  Stream& stream = *opened->stream;
  std::uint8_t byte = 1;
  auto done = co_await stream.write(base::ConstBytes(&byte, 1));
  if (reset) co_return done.has_value();
  if (done) done = co_await read_exact(stream, base::MutableBytes(&byte, 1));
  if (done) done = co_await stream.close_write();
  if (!done) co_return false;
  auto end = co_await stream.read_some(base::MutableBytes(&byte, 1));
  co_return end&&* end == 0;
}

TEST_F(SoakTest, AMillionStreamsLeaveNothing) {
  Host& server = add_host();
  Host& client = add_host();
  listen(server);
  const auto connection = connect(client, server);
  std::size_t count = 0;
  expect_nothing_left("streams over one connection", 10'000, kStreams,
                      [&](std::size_t) { return open_echo_close(connection, ++count % 50 == 0); });
  run_until([&] { return connection->stream_count() == 0 && server.connections().front()->stream_count() == 0; });
}

/// Connects, echoes and closes, from either side.
base::Task<bool> connect_echo_close(Host& client, Host& server, multiformats::Multiaddr at, bool server_closes) {
  auto connection = co_await client.connect(at);
  if (!connection) co_return false;
  const bool echoed = co_await open_echo_close(*connection, false);
  if (server_closes) {
    server.disconnect(client.peer_id());
    while (!(*connection)->is_closed()) co_await base::yield_now();
  } else {
    (*connection)->close();
  }
  co_return echoed;
}

TEST_F(SoakTest, TenThousandConnectionsLeaveNothing) {
  Host& server = add_host();
  const auto at = listen(server);
  std::vector<Host*> clients;
  for (std::size_t i = 0; i < kAtOnce; ++i) clients.push_back(&add_host());
  std::size_t count = 0;
  expect_nothing_left("connections", 500, kConnections,
                      [&](std::size_t row) { return connect_echo_close(*clients[row], server, at, ++count % 3 == 0); });
  run_until([&] { return server.connections().empty(); });
}

}  // namespace
}  // namespace libp2p
