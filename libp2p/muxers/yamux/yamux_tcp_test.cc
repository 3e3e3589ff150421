// Yamux over real sockets, where payload is read straight into the application's buffers.
#include "libp2p/core/transport.h"
#include "libp2p/muxers/yamux/yamux_test_support.h"
#include "libp2p/transports/tcp/tcp_transport.h"

namespace libp2p::yamux {
namespace {

using namespace std::chrono_literals;

base::Task<bool> send_and_compare(std::shared_ptr<MuxedConnection> session, base::Executor executor,
                                  std::uint32_t seed) {
  auto stream = co_await session->open_stream();
  if (!stream) co_return false;
  const base::Bytes sent = pattern(12'000'000, seed);
  base::spawn(executor, discard_result(write_and_close(**stream, sent)));
  auto received = co_await read_to_end(**stream);
  co_return received&&* received == sent;
}

base::Task<bool> run_transfers(base::Executor executor, base::Clock& clock) {
  TcpTransport transport(executor, clock);
  auto listener = transport.listen(multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/0").value());
  if (!listener) co_return false;
  auto dialled = co_await transport.dial((*listener)->local_address(), 10s);
  auto accepted = co_await (*listener)->accept();
  if (!dialled || !accepted) co_return false;
  YamuxMuxer muxer(clock);
  auto ours = muxer.start(executor, std::move(dialled->stream), true);
  auto theirs = muxer.start(executor, std::move(accepted->stream), false);
  base::spawn(executor,
              [](auto session, auto on) -> base::Task<> { (void)co_await serve_echo(session, on); }(theirs, executor));
  bool all_good = true;
  for (std::uint32_t seed = 0; seed < 3; ++seed) {
    const bool good = co_await send_and_compare(ours, executor, seed);
    all_good = all_good && good;
  }
  co_await ours->close();
  co_await theirs->close();
  co_return all_good;
}

TEST(YamuxTcpTest, LargeTransfersArriveWhole) {
  boost::asio::io_context io;
  base::SystemClock clock(io.get_executor());
  auto result = std::make_shared<std::optional<bool>>();
  base::spawn(io.get_executor(), store_result(run_transfers(io.get_executor(), clock), result));
  while (!result->has_value() && io.run_one() > 0) {
  }
  EXPECT_TRUE(result->value());
}

}  // namespace
}  // namespace libp2p::yamux
