// Plain TCP as a peer of bench/libp2p: the part of the peers' command language (tests/interop/README.md) that bytes
// over a socket can do. What the others' figures are beside: no encryption, no streams, one blocking thread an end.
#include "bench/figures.h"
#include "bench/plain_tcp.h"

#include <nlohmann/json.hpp>

#include <sys/resource.h>

#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>

namespace {

using kvp2p::bench::PlainTcpClient;
using kvp2p::bench::PlainTcpServer;
using kvp2p::bench::seconds_of;
using nlohmann::ordered_json;

constexpr std::uint64_t kPingBytes = 32;
constexpr std::string_view kAddressHead = "/ip4/127.0.0.1/tcp/";

void print(const ordered_json& line) { std::cout << line.dump() << std::endl; }

void require(bool condition, const char* message) {
  if (!condition) throw std::runtime_error(message);
}

/// REQUIRES: an address as listen() tells it.
std::unique_ptr<PlainTcpClient> connect(const std::string& address) {
  auto client = PlainTcpClient::connect(static_cast<std::uint16_t>(std::stoi(address.substr(kAddressHead.size()))));
  require(client != nullptr, "cannot connect");
  return client;
}

double microseconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
}

class Peer {
 public:
  ordered_json execute(const std::string& command, std::istream& words) {
    const std::map<std::string, std::function<ordered_json()>> commands = {
        {"listen", [&] { return listen(); }},
        {"dial", [&] { return dial(words); }},
        {"perf", [&] { return perf(words); }},
        {"bench_connect", [&] { return bench_connect(words); }},
        {"bench_ping", [&] { return bench_ping(words); }},
        {"cpu", [&] { return cpu(); }},
        {"quit", [] { return ordered_json::object(); }},
    };
    const auto found = commands.find(command);
    require(found != commands.end(), "plain TCP does not have that");
    return found->second();
  }

 private:
  ordered_json listen() {
    server_ = PlainTcpServer::start();
    require(server_ != nullptr, "cannot listen");
    return {{"addresses", {std::string(kAddressHead) + std::to_string(server_->port())}}};
  }

  ordered_json dial(std::istream& words) {
    client_ = connect(next<std::string>(words));
    return ordered_json::object();
  }

  ordered_json perf(std::istream& words) {
    require(client_ != nullptr, "not connected");
    const auto up_bytes = next<std::uint64_t>(words);
    const auto down_bytes = next<std::uint64_t>(words);
    bool good = true;
    // The byte back tells that all has come.
    const double up = seconds_of([&] { good &= client_->exchange(up_bytes, 1); });
    const double down = seconds_of([&] { good &= client_->exchange(0, down_bytes); });
    require(good, "the connection broke");
    return {{"up_us", up * 1e6}, {"down_us", down * 1e6}};
  }

  ordered_json bench_connect(std::istream& words) {
    const auto times = next<std::uint64_t>(words);
    const auto address = next<std::string>(words);
    double total = 0;
    for (std::uint64_t i = 0; i < times; ++i) total += seconds_of([&] { client_ = connect(address); });
    return {{"total_us", total * 1e6}};
  }

  ordered_json bench_ping(std::istream& words) {
    require(client_ != nullptr, "not connected");
    const auto times = next<std::uint64_t>(words);
    bool good = true;
    const double total = seconds_of([&] {
      for (std::uint64_t i = 0; i < times; ++i) good &= client_->exchange(kPingBytes, kPingBytes);
    });
    require(good, "the connection broke");
    return {{"total_us", total * 1e6}};
  }

  static ordered_json cpu() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return {{"user_us", microseconds(usage.ru_utime)}, {"system_us", microseconds(usage.ru_stime)}};
  }

  template <class T>
  static T next(std::istream& words) {
    T word{};
    require(static_cast<bool>(words >> word), "an argument is missing");
    return word;
  }

  std::unique_ptr<PlainTcpServer> server_;
  std::unique_ptr<PlainTcpClient> client_;
};

ordered_json reply_to(Peer& peer, const std::string& command, std::istream& words) {
  ordered_json reply{{"reply", command}, {"ok", true}};
  try {
    reply.update(peer.execute(command, words));
  } catch (const std::exception& error) {
    reply = {{"reply", command}, {"ok", false}, {"error", "other"}, {"message", error.what()}};
  }
  return reply;
}

}  // namespace

int main() {
  Peer peer;
  print({{"event", "ready"}, {"implementation", "plain TCP"}, {"peer", ""}});
  std::string line, command;
  while (command != "quit" && std::getline(std::cin, line)) {
    std::istringstream words(line);
    words >> command;
    print(reply_to(peer, command, words));
  }
}
