// Yamux over real sockets, plain and secured, where payload is read straight into the application's buffers.
#include "libp2p/core/transport.h"
#include "libp2p/muxers/yamux/yamux_test_support.h"
#include "libp2p/security/noise/noise_security.h"
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

base::Task<> serve_echo_for_ever(std::shared_ptr<MuxedConnection> session, base::Executor executor) {
  (void)co_await serve_echo(session, executor);
}

struct Pair {
  std::unique_ptr<Stream> dialled;
  std::unique_ptr<Stream> accepted;
};

base::Task<> secure_inbound(std::unique_ptr<Stream>& stream) {
  noise::NoiseSecurity noise(multiformats::PrivateKey::generate(), "");
  auto secured = co_await noise.secure_inbound(std::move(stream));
  if (secured) stream = std::move(secured->stream);
}

base::Task<bool> secure(base::Executor executor, Pair& pair) {
  base::spawn(executor, secure_inbound(pair.accepted));
  noise::NoiseSecurity noise(multiformats::PrivateKey::generate(), "");
  auto secured = co_await noise.secure_outbound(std::move(pair.dialled), std::nullopt);
  if (!secured) co_return false;
  pair.dialled = std::move(secured->stream);
  while (!pair.accepted) co_await base::yield_now();
  co_return true;
}

base::Task<bool> run_transfers(base::Executor executor, base::Clock& clock, bool secured) {
  TcpTransport transport(executor, clock);
  auto listener = transport.listen(multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/0").value());
  if (!listener) co_return false;
  auto dialled = co_await transport.dial((*listener)->local_address(), 10s);
  auto accepted = co_await (*listener)->accept();
  if (!dialled || !accepted) co_return false;
  Pair pair;
  pair.dialled = std::move(dialled->stream);
  pair.accepted = std::move(accepted->stream);
  if (secured) {
    const bool good = co_await secure(executor, pair);
    if (!good) co_return false;
  }
  YamuxMuxer muxer(clock);
  auto ours = muxer.start(executor, std::move(pair.dialled), true);
  auto theirs = muxer.start(executor, std::move(pair.accepted), false);
  base::spawn(executor, serve_echo_for_ever(theirs, executor));
  bool all_good = true;
  for (std::uint32_t seed = 0; seed < 3; ++seed) {
    const bool good = co_await send_and_compare(ours, executor, seed);
    all_good = all_good && good;
  }
  co_await ours->close();
  co_await theirs->close();
  co_return all_good;
}

class YamuxTcpTest : public ::testing::TestWithParam<bool> {};

TEST_P(YamuxTcpTest, LargeTransfersArriveWhole) {
  boost::asio::io_context io;
  base::SystemClock clock(io.get_executor());
  auto result = std::make_shared<std::optional<bool>>();
  base::spawn(io.get_executor(), store_result(run_transfers(io.get_executor(), clock, GetParam()), result));
  while (!result->has_value() && io.run_one() > 0) {
  }
  EXPECT_TRUE(result->value());
}

INSTANTIATE_TEST_SUITE_P(PlainAndSecured, YamuxTcpTest, ::testing::Bool());

}  // namespace
}  // namespace libp2p::yamux
