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

/// What a client wants next, in the machine's byte order: both ends are on one.
struct Request {
  std::uint64_t up_bytes;
  std::uint64_t down_bytes;
  std::uint64_t down_offset;
};

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

bool discard(int socket, std::vector<std::uint8_t>& buffer, std::uint64_t bytes) {
  while (bytes > 0) {
    const std::size_t size = std::min<std::uint64_t>(bytes, buffer.size());
    if (!read_all(socket, buffer.data(), size)) return false;
    bytes -= size;
  }
  return true;
}

/// Goes around in `payload`.
bool send_bytes(int socket, const std::vector<std::uint8_t>& payload, std::uint64_t bytes, std::uint64_t offset = 0) {
  for (std::uint64_t sent = 0; sent < bytes;) {
    const std::size_t from = (offset + sent) % payload.size();
    const std::size_t size = std::min<std::uint64_t>({kCallBytes, payload.size() - from, bytes - sent});
    const ssize_t count = ::send(socket, payload.data() + from, size, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::uint64_t>(count);
  }
  return true;
}

bool send_request(int socket, Request request) {
  return ::send(socket, &request, sizeof request, MSG_NOSIGNAL) == sizeof request;
}

/// Before connecting or listening, so that the window's scale fits. More than net.core.*mem_max needs a privilege.
void set_buffers(int socket, int bytes) {
  if (bytes == 0) return;
  if (::setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

class Server final : public PlainTcpServer {
 public:
  Server(int listener, std::uint16_t port, std::size_t payload_bytes)
      : listener_(listener), port_(port), payload_(payload_bytes, 0x5a), thread_([this] { accept_all(); }) {}
  ~Server() override {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    // Nobody adds clients any more; those there end at the next call on their socket.
    for (const int client : clients_) ::shutdown(client, SHUT_RDWR);
    for (auto& thread : threads_) thread.join();
    for (const int client : clients_) ::close(client);
    ::close(listener_);
  }
  std::uint16_t port() const override { return port_; }

 private:
  void accept_all() {
    for (;;) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      clients_.push_back(client);
      threads_.emplace_back([this, client] { serve(client); });
    }
  }

  void serve(int client) const {
    std::vector<std::uint8_t> discarded(kCallBytes);
    Request request{};
    while (read_all(client, reinterpret_cast<std::uint8_t*>(&request), sizeof request) &&
           discard(client, discarded, request.up_bytes) &&
           send_bytes(client, payload_, request.down_bytes, request.down_offset)) {
    }
    ::shutdown(client, SHUT_RDWR);
  }

  const int listener_;
  const std::uint16_t port_;
  const std::vector<std::uint8_t> payload_;
  std::vector<int> clients_;  // closed at the end; the accepting thread's until it is joined
  std::vector<std::thread> threads_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<PlainTcpServer> PlainTcpServer::start(PlainTcpOptions options) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  set_buffers(listener, options.buffer_bytes);
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener, SOMAXCONN) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return nullptr;
  }
  return std::make_unique<Server>(listener, ntohs(address.sin_port), options.payload_bytes);
}

std::unique_ptr<PlainTcpClient> PlainTcpClient::connect(std::uint16_t port, PlainTcpOptions options) {
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  set_buffers(client, options.buffer_bytes);
  if (client < 0 || ::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return nullptr;
  const int on = 1;
  ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return std::unique_ptr<PlainTcpClient>(new PlainTcpClient(client));
}

PlainTcpClient::~PlainTcpClient() { ::close(socket_); }

bool PlainTcpClient::fetch(std::uint8_t* into, std::size_t bytes, std::uint64_t offset) {
  return send_request(socket_, {0, bytes, offset}) && read_all(socket_, into, bytes);
}

bool PlainTcpClient::exchange(std::uint64_t up_bytes, std::uint64_t down_bytes) {
  buffer_.resize(kCallBytes);
  return send_request(socket_, {up_bytes, down_bytes, 0}) && send_bytes(socket_, buffer_, up_bytes) &&
         discard(socket_, buffer_, down_bytes);
}

int PlainTcpClient::receive_buffer_bytes() const {
  int bytes = 0;
  socklen_t length = sizeof bytes;
  ::getsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bytes, &length);
  return bytes;
}

}  // namespace kvp2p::bench
