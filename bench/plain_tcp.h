// The floor: bytes over one loopback TCP connection, unencrypted, with nothing around them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace kvp2p::bench {

struct PlainTcpOptions {
  /// The sockets' send and receive buffers; 0: the kernel sizes them.
  int buffer_bytes = 0;
  /// The server's: how many bytes it has to send. It goes around in them.
  std::size_t payload_bytes = 64 << 20;
};

/// Takes and sends as many bytes as each client asks for, from a buffer of its own, until destroyed. A thread a client.
class PlainTcpServer {
 public:
  /// Listens on 127.0.0.1; nothing on failure.
  static std::unique_ptr<PlainTcpServer> start(PlainTcpOptions options = {});
  virtual ~PlainTcpServer() = default;
  virtual std::uint16_t port() const = 0;
};

/// One connection to such a server.
class PlainTcpClient {
 public:
  static std::unique_ptr<PlainTcpClient> connect(std::uint16_t port, PlainTcpOptions options = {});
  ~PlainTcpClient();
  /// Fills `into` with the server's bytes from `offset` on; false if the connection broke.
  bool fetch(std::uint8_t* into, std::size_t bytes, std::uint64_t offset = 0);
  /// Sends zeros that the server discards, then discards what it sends in turn; false if the connection broke.
  bool exchange(std::uint64_t up_bytes, std::uint64_t down_bytes);
  /// What the kernel gave, which may be less than was asked for.
  int receive_buffer_bytes() const;

 private:
  explicit PlainTcpClient(int socket) : socket_(socket) {}
  int socket_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace kvp2p::bench
