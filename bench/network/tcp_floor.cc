// The floor of bench/network: bytes from one process's memory to another's over plain loopback TCP, a sending and a
// receiving thread a connection, 1 MiB a call. Commands come on standard input, answers are JSON lines.
//
//   --role=serve   says {"event": "serving", "port": …}
//   --role=loop    "connect PORT", "fetch" (all the bytes, each connection its share)
//   both           "stats", "quit"
#include "bench/figures.h"
#include "bench/plain_tcp.h"
#include "bench/process_use.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <thread>

namespace {

using namespace kvp2p::bench;
using nlohmann::json;

constexpr int kBufferBytes = 8 << 20;

struct Arguments {
  std::string role;
  std::size_t mib = 64;
  unsigned connections = 1;
  std::size_t bytes() const { return mib << 20; }
};

void print(json line) { std::cout << line.dump() << std::endl; }
void print_stats() { print({{"event", "stats"}, {"cpu_s", cpu_seconds()}, {"peak_bytes", peak_bytes()}}); }

int serve(const Arguments& arguments) {
  const auto server = PlainTcpServer::start({.buffer_bytes = kBufferBytes, .payload_bytes = arguments.bytes()});
  if (!server) return std::cerr << "tcp_floor: cannot listen on 127.0.0.1\n", 1;
  print({{"event", "serving"}, {"port", server->port()}});
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    if (line == "stats") print_stats();
  }
  return 0;
}

class Client {
 public:
  explicit Client(const Arguments& arguments) : memory_(arguments.bytes(), 1), count_(arguments.connections) {}

  bool connect(std::uint16_t port) {
    for (unsigned i = 0; i < count_; ++i) {
      connections_.push_back(PlainTcpClient::connect(port, {.buffer_bytes = kBufferBytes}));
      if (!connections_.back()) return false;
    }
    return true;
  }

  int receive_buffer_bytes() const { return connections_.at(0)->receive_buffer_bytes(); }

  /// Whole MiB a connection, the last one takes what is left.
  bool fetch() {
    const std::size_t share = memory_.size() / count_ >> 20 << 20;
    std::atomic<bool> good{true};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < count_; ++i) {
      const std::size_t offset = i * share;
      const std::size_t size = i + 1 < count_ ? share : memory_.size() - offset;
      threads.emplace_back([this, &good, i, offset, size] {
        if (!connections_[i]->fetch(memory_.data() + offset, size, offset)) good = false;
      });
    }
    for (auto& thread : threads) thread.join();
    return good;
  }

 private:
  std::vector<std::uint8_t> memory_;
  const unsigned count_;
  std::vector<std::unique_ptr<PlainTcpClient>> connections_;
};

int loop(const Arguments& arguments) {
  Client client(arguments);
  print({{"event", "ready"}});
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    std::istringstream words(line);
    std::string command;
    std::uint16_t port = 0;
    words >> command >> port;
    if (command == "connect") {
      if (!client.connect(port)) return std::cerr << "tcp_floor: cannot connect\n", 1;
      print({{"event", "connected"}, {"receive_buffer_bytes", client.receive_buffer_bytes()}});
    } else if (command == "fetch") {
      bool good = false;
      const double seconds = seconds_of([&] { good = client.fetch(); });
      if (!good) return std::cerr << "tcp_floor: the connection broke\n", 1;
      print({{"event", "fetched"}, {"seconds", seconds}});
    } else if (command == "stats") {
      print_stats();
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Plain TCP from memory to memory", "tcp_floor");
  app.add_option("--role", arguments.role)->check(CLI::IsMember({"serve", "loop"}))->required();
  app.add_option("--mib", arguments.mib)->check(CLI::Range(1, 65536))->capture_default_str();
  app.add_option("--connections", arguments.connections)->check(CLI::Range(1, 64))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return arguments.role == "serve" ? serve(arguments) : loop(arguments);
}
