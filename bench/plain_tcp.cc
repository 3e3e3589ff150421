#include "bench/plain_tcp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace kvp2p::bench {

namespace {

constexpr std::size_t kCallBytes = 1 << 20;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool read_all(int socket, std::uint8_t* into, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t count = ::read(socket, into, std::min(bytes, kCallBytes));
    if (count <= 0) return false;
    into += count;
    bytes -= static_cast<std::size_t>(count);
  }
  return true;
}

class Server final : public PlainTcpServer {
 public:
  Server(int listener, std::uint16_t port) : listener_(listener), port_(port), thread_([this] { serve(); }) {}
  ~Server() override {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::uint16_t port() const override { return port_; }

 private:
  // One client at a time: there is one.
  void serve() {
    std::vector<std::uint8_t> payload(64 << 20, 0x5a);
    for (;;) {
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      std::uint64_t wanted = 0;
      while (read_all(client, reinterpret_cast<std::uint8_t*>(&wanted), sizeof wanted)) {
        for (std::uint64_t sent = 0; sent < wanted;) {
          const std::size_t from = sent % payload.size();
          const std::size_t size = std::min<std::uint64_t>({kCallBytes, payload.size() - from, wanted - sent});
          const ssize_t count = ::send(client, payload.data() + from, size, MSG_NOSIGNAL);
          if (count <= 0) break;
          sent += static_cast<std::uint64_t>(count);
        }
      }
      ::close(client);
    }
  }

  int listener_;
  std::uint16_t port_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<PlainTcpServer> PlainTcpServer::start() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener, 1) != 0 || ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return nullptr;
  }
  return std::make_unique<Server>(listener, ntohs(address.sin_port));
}

std::unique_ptr<PlainTcpClient> PlainTcpClient::connect(std::uint16_t port) {
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  if (client < 0 || ::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return nullptr;
  const int on = 1;
  ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return std::unique_ptr<PlainTcpClient>(new PlainTcpClient(client));
}

PlainTcpClient::~PlainTcpClient() { ::close(socket_); }

bool PlainTcpClient::fetch(std::uint8_t* into, std::size_t bytes) {
  const std::uint64_t wanted = bytes;
  return ::send(socket_, &wanted, sizeof wanted, MSG_NOSIGNAL) == sizeof wanted && read_all(socket_, into, bytes);
}

}  // namespace kvp2p::bench
