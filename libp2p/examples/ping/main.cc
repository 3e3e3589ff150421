// Pings a libp2p peer by /ipfs/ping/1.0.0, or waits to be pinged.
//
//   ping --listen /ip4/0.0.0.0/tcp/4001
//   ping /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW… --count 5
#include "base/log.h"
#include "libp2p/host/host.h"
#include "program.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace {

struct Options {
  std::string address;
  std::string listen;
  unsigned count = 0;
  double interval_s = 1;
};

struct Statistics {
  unsigned sent = 0;
  unsigned answered = 0;
  double sum_ms = 0;
  double min_ms = std::numeric_limits<double>::max();
  double max_ms = 0;

  void add(double ms) {
    ++answered;
    sum_ms += ms;
    min_ms = std::min(min_ms, ms);
    max_ms = std::max(max_ms, ms);
  }
  void print() const {
    std::printf("%u sent, %u answered", sent, answered);
    if (answered > 0) std::printf(", min %.3f ms, mean %.3f ms, max %.3f ms", min_ms, sum_ms / answered, max_ms);
    std::printf("\n");
  }
};

/// Pings until the count is reached, the peer is gone or the end is asked for; whether every ping was answered.
base::Task<bool> ping_peer(libp2p::Host& host, base::Clock& clock, examples::Stop& stop, Options options) {
  auto connection = co_await host.connect(multiformats::Multiaddr::from_text(options.address).value());
  if (!connection) {
    std::fprintf(stderr, "cannot connect to %s: %s\n", options.address.c_str(), connection.error().message().c_str());
    co_return false;
  }
  const std::string peer = (*connection)->remote_peer().to_text();
  const auto interval = std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(options.interval_s));
  Statistics statistics;
  while (!stop.requested() && (options.count == 0 || statistics.sent < options.count)) {
    if (statistics.sent > 0) co_await stop.wait_for(clock, interval);
    if (stop.requested()) break;
    ++statistics.sent;
    auto round_trip = co_await host.ping(*connection);
    if (stop.requested()) {
      statistics.sent -= round_trip ? 0 : 1;  // broken off by us
      break;
    }
    if (!round_trip) {
      std::fprintf(stderr, "no answer from %s: %s\n", peer.c_str(), round_trip.error().message().c_str());
      if ((*connection)->is_closed()) break;
      continue;
    }
    const double ms = std::chrono::duration<double, std::milli>(*round_trip).count();
    statistics.add(ms);
    std::printf("answer from %s: %.3f ms\n", peer.c_str(), ms);
    std::fflush(stdout);
  }
  statistics.print();
  co_return statistics.sent > 0 && statistics.answered == statistics.sent;
}

base::Task<> run(libp2p::Host& host, base::Clock& clock, examples::Stop& stop, Options options, int& exit_code) {
  const bool ok = co_await ping_peer(host, clock, stop, std::move(options));
  exit_code = ok ? 0 : 1;
  stop.request();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Pings a libp2p peer, or waits to be pinged.");
  auto* address = app.add_option("address", options.address, "Whom to ping: an address, best with /p2p/<peer id>");
  auto* listen = app.add_option("--listen", options.listen, "Where to wait to be pinged, until Ctrl-C");
  app.add_option("--count", options.count, "How many pings to send; 0: until Ctrl-C")->capture_default_str();
  app.add_option("--interval", options.interval_s, "Seconds between pings")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  address->check(examples::multiaddr())->excludes(listen);
  listen->check(examples::multiaddr());
  CLI11_PARSE(app, argc, argv);
  if (options.address.empty() && options.listen.empty()) {
    std::fprintf(stderr, "name an address to ping, or --listen\n");
    return 1;
  }
  base::set_up_logging("warn");

  boost::asio::io_context io;
  base::SystemClock clock(io.get_executor());
  libp2p::HostConfig config{.key = multiformats::PrivateKey::generate()};
  config.agent_version = "libp2p-example-ping";
  const auto host = libp2p::Host::create(io.get_executor(), clock, std::move(config));
  examples::Stop stop(io, *host);
  int exit_code = 0;
  if (!options.listen.empty()) {
    if (!examples::listen(*host, options.listen)) {
      exit_code = 1;
      stop.request();
    }
  } else {
    base::spawn(io.get_executor(), run(*host, clock, stop, options, exit_code));
  }
  io.run();
  return exit_code;
}
