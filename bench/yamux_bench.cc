// What the muxer costs: bytes over one loopback connection, plain and muxed, in one run, interleaved.
//
//     build/release/bench/yamux_bench [--mib=512] [--rounds=7] [--write-kib=1024] [--only=MODE]
//
// Each end has a thread and an io_context of its own. The receiver reads pieces of the size that the sender writes,
// each whole, as a KV transfer does, and answers with one byte when all is in; the time is the sender's.
#include "base/clock.h"
#include "base/signal.h"
#include "bench/figures.h"
#include "libp2p/core/error.h"
#include "libp2p/muxers/yamux/yamux_muxer.h"
#include "libp2p/security/noise/noise_security.h"
#include "libp2p/transports/tcp/tcp_transport.h"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <ctime>
#include <future>
#include <thread>

namespace {

using namespace std::chrono_literals;
using libp2p::Stream;

struct Mode {
  const char* name;
  bool secured;
  bool muxed;
  int streams;
};

constexpr Mode kModes[] = {
    {"tcp", false, false, 1},      {"tcp+yamux", false, true, 1},      {"tcp+yamux, 4 streams", false, true, 4},
    {"tcp+noise", true, false, 1}, {"tcp+noise+yamux", true, true, 1}, {"tcp+noise+yamux, 4 streams", true, true, 4},
};

struct Load {
  std::size_t bytes;
  std::size_t piece_bytes;
};

/// A warm-up and the measured transfer.
using Loads = std::array<Load, 2>;

template <class T>
T value_or_exit(base::Result<T> result, const char* what) {
  if (!result) {
    std::fprintf(stderr, "yamux_bench: %s: %s\n", what, result.error().message().c_str());
    std::exit(1);
  }
  return std::move(*result);
}

void check(const base::Result<>& result, const char* what) {
  if (result) return;
  std::fprintf(stderr, "yamux_bench: %s: %s\n", what, result.error().message().c_str());
  std::exit(1);
}

base::Task<> send_all(Stream& stream, Load load, int& left, base::Signal& done) {
  const base::Bytes piece(load.piece_bytes, 0x5a);
  for (std::size_t sent = 0; sent < load.bytes; sent += piece.size()) {
    auto written = co_await stream.write(piece);
    check(written, "write");
  }
  std::uint8_t answer = 0;
  auto read = co_await libp2p::read_exact(stream, base::MutableBytes(&answer, 1));
  check(read, "read the answer");
  --left;
  done.notify_all();
}

base::Task<> receive_all(Stream& stream, Loads loads, int& left, base::Signal& done) {
  for (const Load& load : loads) {
    base::Bytes piece(load.piece_bytes);
    for (std::size_t received = 0; received < load.bytes; received += piece.size()) {
      auto read = co_await libp2p::read_exact(stream, piece);
      check(read, "read");
    }
    const std::uint8_t answer = 1;
    auto written = co_await stream.write(base::ConstBytes(&answer, 1));
    check(written, "write the answer");
  }
  --left;
  done.notify_all();
}

/// One end of a connection in one mode.
struct End {
  std::unique_ptr<Stream> raw;  // if not muxed
  std::shared_ptr<libp2p::MuxedConnection> session;
  std::vector<std::unique_ptr<Stream>> streams;
};

base::Task<> raise(Mode mode, bool is_sender, std::unique_ptr<Stream> stream, base::Clock& clock, End& end) {
  auto executor = co_await boost::asio::this_coro::executor;
  if (mode.secured) {
    libp2p::noise::NoiseSecurity noise(multiformats::PrivateKey::generate(), "");
    base::Result<libp2p::SecuredStream> secured = libp2p::Error::kClosing;
    if (is_sender) {
      secured = co_await noise.secure_outbound(std::move(stream), std::nullopt);
    } else {
      secured = co_await noise.secure_inbound(std::move(stream));
    }
    stream = value_or_exit(std::move(secured), "handshake").stream;
  }
  if (!mode.muxed) {
    end.streams.push_back(std::move(stream));
    co_return;
  }
  end.session = libp2p::YamuxMuxer(clock).start(executor, std::move(stream), is_sender);
  for (int i = 0; i < mode.streams; ++i) {
    base::Result<std::unique_ptr<Stream>> opened = libp2p::Error::kClosing;
    if (is_sender) {
      opened = co_await end.session->open_stream();
    } else {
      opened = co_await end.session->accept_stream();
    }
    end.streams.push_back(value_or_exit(std::move(opened), "open a stream"));
  }
}

base::Task<> receive_side(Mode mode, Loads loads, std::promise<multiformats::Multiaddr>& address, base::Clock& clock) {
  auto executor = co_await boost::asio::this_coro::executor;
  libp2p::TcpTransport transport(executor, clock);
  auto listener =
      value_or_exit(transport.listen(multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/0").value()), "listen");
  address.set_value(listener->local_address());
  auto accepted = co_await listener->accept();
  End end;
  co_await raise(mode, false, std::move(value_or_exit(std::move(accepted), "accept").stream), clock, end);
  base::Signal done(executor);
  int left = mode.streams;
  for (auto& stream : end.streams) base::spawn(executor, receive_all(*stream, loads, left, done));
  while (left > 0) co_await done.wait();
  // The sender closes first.
  std::uint8_t byte = 0;
  (void)co_await end.streams[0]->read_some(base::MutableBytes(&byte, 1));
}

base::Task<> send_side(Mode mode, Loads loads, multiformats::Multiaddr address, base::Clock& clock, double& seconds) {
  auto executor = co_await boost::asio::this_coro::executor;
  libp2p::TcpTransport transport(executor, clock);
  auto dialled = co_await transport.dial(address, 10s);
  End end;
  co_await raise(mode, true, std::move(value_or_exit(std::move(dialled), "dial").stream), clock, end);
  base::Signal done(executor);
  for (const Load& load : loads) {
    const base::TimePoint begin = clock.now();
    int left = mode.streams;
    for (auto& stream : end.streams) base::spawn(executor, send_all(*stream, load, left, done));
    while (left > 0) co_await done.wait();
    seconds = std::chrono::duration<double>(clock.now() - begin).count();
  }
}

struct Figures {
  std::vector<double> gb_per_s;
  std::vector<double> cpu_ms_per_gb;  // of both ends together
};

/// Processor time of this process, all threads.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// Runs one transfer.
void measure(const Mode& mode, std::size_t bytes, std::size_t piece_bytes, Figures& figures) {
  const std::size_t streams = static_cast<std::size_t>(mode.streams);
  const Load load{bytes / streams / piece_bytes * piece_bytes, piece_bytes};
  const Loads loads{Load{std::max<std::size_t>(load.bytes / 8 / piece_bytes, 1) * piece_bytes, piece_bytes}, load};
  std::promise<multiformats::Multiaddr> address;
  std::thread receiver([&] {
    boost::asio::io_context io(1);
    base::SystemClock clock(io.get_executor());
    base::spawn(io.get_executor(), receive_side(mode, loads, address, clock));
    io.run();
  });
  double seconds = 0;
  const double cpu_before = cpu_seconds();
  {
    boost::asio::io_context io(1);
    base::SystemClock clock(io.get_executor());
    base::spawn(io.get_executor(), send_side(mode, loads, address.get_future().get(), clock, seconds));
    io.run();
  }
  receiver.join();
  const double cpu = cpu_seconds() - cpu_before;
  const double gb = static_cast<double>(load.bytes * streams) / 1e9;
  const double gb_warm_up = static_cast<double>(loads[0].bytes * streams) / 1e9;
  figures.gb_per_s.push_back(gb / seconds);
  figures.cpu_ms_per_gb.push_back(1000 * cpu / (gb + gb_warm_up));
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t mib = 512;
  std::size_t write_kib = 1024;
  int rounds = 7;
  std::string only;
  CLI::App app("What the muxer costs over one loopback connection");
  app.add_option("--mib", mib, "MiB that each measurement sends")->check(CLI::Range(1, 1 << 20));
  app.add_option("--write-kib", write_kib, "KiB that each write and read handles")->check(CLI::Range(1, 1 << 16));
  app.add_option("--rounds", rounds, "measurements of each mode; the median is printed")->check(CLI::Range(1, 1000));
  app.add_option("--only", only, "one mode alone");
  CLI11_PARSE(app, argc, argv);

  std::map<std::string, Figures> figures;
  for (int round = 0; round < rounds; ++round) {
    for (const Mode& mode : kModes) {
      if (only.empty() || only == mode.name) measure(mode, mib << 20, write_kib << 10, figures[mode.name]);
    }
  }
  std::printf("%-30s %8s %12s %14s\n", "one loopback connection", "GB/s", "of unmuxed", "CPU ms per GB");
  double unmuxed = 0;
  for (const Mode& mode : kModes) {
    const Figures& of_mode = figures[mode.name];
    if (of_mode.gb_per_s.empty()) continue;
    const double rate = kvp2p::bench::median(of_mode.gb_per_s);
    if (!mode.muxed) unmuxed = rate;
    std::printf("%-30s %8.2f", mode.name, rate);
    if (unmuxed > 0) {
      std::printf(" %11.0f%%", 100 * rate / unmuxed);
    } else {
      std::printf(" %12s", "");
    }
    std::printf(" %14.0f\n", kvp2p::bench::median(of_mode.cpu_ms_per_gb));
  }
  return 0;
}
