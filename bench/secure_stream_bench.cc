// Secured streams over loopback TCP beside the same stream unsecured: GB/s, interleaved; medians.
//
//     build/release/bench/secure_stream_bench [--mib=1024] [--rounds=5] [--connections=1 --connections=4 …]
//
// Each connection has a thread that writes 1 MiB at a time and one that reads as much, as data connections have.
#include "bench/figures.h"
#include "libp2p/security/noise/noise_security.h"
#include "libp2p/security/pnet/pnet_stream.h"
#include "libp2p/security/tls/tls_security.h"
#include "libp2p/transports/tcp/tcp_transport.h"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <thread>

namespace {

using libp2p::SecuredStream;
using libp2p::Stream;

constexpr std::size_t kCallBytes = 1024 * 1024;
constexpr std::chrono::seconds kDialTimeout{10};

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "secure_stream_bench: %s failed\n", what);
  std::exit(1);
}

/// What is done to both raw streams.
enum class Kind { kPlain, kPrivate, kNoise, kTls, kPrivateTls };
constexpr std::array kKinds{Kind::kPlain, Kind::kPrivate, Kind::kNoise, Kind::kTls, Kind::kPrivateTls};

bool is_private(Kind kind) { return kind == Kind::kPrivate || kind == Kind::kPrivateTls; }

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kPlain:
      return "plain";
    case Kind::kNoise:
      return "noise";
    case Kind::kTls:
      return "tls";
    case Kind::kPrivate:
      return "a private network's key alone";
    case Kind::kPrivateTls:
      return "tls in a private network";
  }
  std::abort();
}

std::unique_ptr<libp2p::Security> security_for(Kind kind) {
  const auto key = multiformats::PrivateKey::generate();
  if (kind == Kind::kPlain || kind == Kind::kPrivate) return nullptr;
  if (kind == Kind::kNoise) return std::make_unique<libp2p::noise::NoiseSecurity>(key, std::string());
  return std::make_unique<libp2p::tls::TlsSecurity>(key, std::vector<std::string>());
}

/// One side of a connection, and the thread that it runs on for as long as there is something to do.
class Side {
 public:
  explicit Side(Kind kind) : kind_(kind), security_(security_for(kind)) {}

  libp2p::TcpTransport& transport() { return transport_; }
  void begin(base::Task<> task) {
    base::spawn(context_.get_executor(), std::move(task));
    context_.restart();
    thread_ = std::thread([this] { context_.run(); });
  }
  void end() { thread_.join(); }

  base::Task<> dial(multiformats::Multiaddr address) {
    auto raw = co_await transport_.dial(std::move(address), kDialTimeout);
    require(raw.has_value(), "dialling");
    co_await protect(raw->stream);
    if (!security_) {
      stream_ = std::move(raw->stream);
    } else {
      auto secured = co_await security_->secure_outbound(std::move(raw->stream), std::nullopt);
      take(std::move(secured));
    }
  }
  base::Task<> accept(libp2p::Listener& listener) {
    auto raw = co_await listener.accept();
    require(raw.has_value(), "accepting");
    co_await protect(raw->stream);
    if (!security_) {
      stream_ = std::move(raw->stream);
    } else {
      auto secured = co_await security_->secure_inbound(std::move(raw->stream));
      take(std::move(secured));
    }
  }
  base::Task<> write(std::size_t bytes) {
    const base::Bytes payload(kCallBytes, 42);
    for (; bytes > 0; bytes -= kCallBytes) {
      auto written = co_await stream_->write(payload);
      require(written.has_value(), "writing");
    }
  }
  base::Task<> read(std::size_t bytes) {
    base::Bytes payload(kCallBytes);
    for (; bytes > 0; bytes -= kCallBytes) {
      auto read = co_await read_exact(*stream_, payload);
      require(read.has_value() && payload.back() == 42, "reading");
    }
  }

 private:
  base::Task<> protect(std::unique_ptr<Stream>& raw) {
    if (!is_private(kind_)) co_return;
    auto under_key = co_await libp2p::pnet::protect(std::move(raw), libp2p::pnet::PreSharedKey({1, 2, 3}), {});
    require(under_key.has_value(), "sending a nonce");
    raw = std::move(*under_key);
  }
  void take(base::Result<SecuredStream> secured) {
    require(secured.has_value(), "the handshake");
    stream_ = std::move(secured->stream);
  }

  Kind kind_;
  std::unique_ptr<libp2p::Security> security_;
  boost::asio::io_context context_{1};
  base::SystemClock clock_{context_.get_executor()};
  libp2p::TcpTransport transport_{context_.get_executor(), clock_};
  std::unique_ptr<Stream> stream_;
  std::thread thread_;
};

/// GB/s of all connections together.
double measure(Kind kind, int connections, std::size_t bytes) {
  std::vector<std::unique_ptr<Side>> writers;
  std::vector<std::unique_ptr<Side>> readers;
  for (int i = 0; i < connections; ++i) {
    Side& writer = *writers.emplace_back(std::make_unique<Side>(kind));
    Side& reader = *readers.emplace_back(std::make_unique<Side>(kind));
    auto listener = reader.transport().listen(multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/0").value());
    require(listener.has_value(), "listening");
    writer.begin(writer.dial((*listener)->local_address()));
    reader.begin(reader.accept(**listener));
    writer.end();
    reader.end();
  }
  const double seconds = kvp2p::bench::seconds_of([&] {
    for (auto& each : writers) each->begin(each->write(bytes));
    for (auto& each : readers) each->begin(each->read(bytes));
    for (auto& each : writers) each->end();
    for (auto& each : readers) each->end();
  });
  return static_cast<double>(bytes) * connections / 1e9 / seconds;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t mib = 1024;
  int rounds = 5;
  std::vector<int> connections{1, 4, 8};
  CLI::App app("Secured streams over loopback TCP");
  app.add_option("--mib", mib, "MiB of each connection and measurement")->check(CLI::Range(1, 65536));
  app.add_option("--rounds", rounds, "measurements of each; the median is printed")->check(CLI::Range(1, 1000));
  app.add_option("--connections", connections, "connections at once")->check(CLI::Range(1, 256));
  CLI11_PARSE(app, argc, argv);

  std::map<std::pair<int, Kind>, std::vector<double>> rates;
  for (int round = 0; round < rounds; ++round) {
    for (const int count : connections) {
      for (const Kind kind : kKinds) rates[{count, kind}].push_back(measure(kind, count, mib << 20));
    }
  }
  std::printf("%-12s %-24s %8s %12s\n", "connections", "", "GB/s", "of plain");
  for (const int count : connections) {
    const double plain = kvp2p::bench::median(rates[{count, Kind::kPlain}]);
    for (const Kind kind : kKinds) {
      const double rate = kvp2p::bench::median(rates[{count, kind}]);
      std::printf("%-12d %-24s %8.2f %12.2f\n", count, name_of(kind), rate, rate / plain);
    }
  }
}
