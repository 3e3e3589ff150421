// What a connection costs that nobody uses: TCP, noise, yamux and the host's part, after identify.
#include "libp2p/host/host_fixture.h"
#include "libp2p/testing/process_usage.h"

#include <cstdio>

namespace libp2p {
namespace {

constexpr std::size_t kConnections = 1000;
/// For one end; a connection within this process has two.
constexpr std::size_t kIdleBytesMax = 64 * 1024;

class IdleMemoryTest : public HostTest {
 protected:
  IdleMemoryTest() {
    HostConfig with = config();
    with.connections_max = kConnections + 10;
    with.inbound_per_network_max = kConnections + 10;
    server_ = &add_host(with);
    server_->on_identified([this](auto) { ++identified_; });
    at_ = listen(*server_);
    for (std::size_t i = 0; i < kConnections; ++i) {
      clients_.push_back(&add_host());
      clients_.back()->on_identified([this](auto) { ++identified_; });
    }
  }

  /// Connects a client; both sides know each other then.
  std::shared_ptr<Connection> connect_client(std::size_t i) {
    const std::size_t before = identified_;
    auto connection = run(clients_[i]->connect(at_));
    EXPECT_TRUE(connection);
    run_until([&] { return identified_ == before + 2; });
    return *connection;
  }

  Host* server_ = nullptr;
  multiformats::Multiaddr at_;
  std::vector<Host*> clients_;
  std::size_t identified_ = 0;
};

TEST_F(IdleMemoryTest, AThousandIdleConnectionsCostLittle) {
  connect_client(0)->close();
  run_until([&] { return server_->connections().empty(); });
  settle();
  const testing::ProcessUsage before = testing::measure_process();
  std::vector<std::shared_ptr<Connection>> connections;
  for (std::size_t i = 0; i < kConnections; ++i) connections.push_back(connect_client(i));
  settle();
  const testing::ProcessUsage fresh = testing::measure_process();
  // Buffers that a transfer has filled go back as well.
  const base::Bytes bytes(200'000, 7);
  for (const auto& connection : connections) EXPECT_TRUE(run(send_and_receive(connection, bytes)));
  settle();
  const testing::ProcessUsage used = testing::measure_process();
  const auto each = [&](const testing::ProcessUsage& now) {
    return (now.resident_bytes - before.resident_bytes) / (2 * kConnections);
  };
  std::printf("before:          %s\n", to_text(before).c_str());
  std::printf("idle:            %s; %zu bytes an end\n", to_text(fresh).c_str(), each(fresh));
  std::printf("idle after use:  %s; %zu bytes an end\n", to_text(used).c_str(), each(used));
  EXPECT_LE(each(fresh), kIdleBytesMax);
  EXPECT_LE(each(used), kIdleBytesMax);
}

}  // namespace
}  // namespace libp2p
