#include "libp2p/transports/tcp/send_buffer.h"

#include "base/unique_fd.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace libp2p {

namespace {

bool set_send_buffer(int socket, int bytes) {
  return ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) == 0;
}

int send_buffer(int socket) {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  return ::getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, &size) == 0 ? bytes : 0;
}

/// Tried on a socket that is for nothing else: a buffer that was once asked for does not grow any more.
bool system_allows_it() {
  const base::UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return set_send_buffer(probe.get(), kWideSendBufferBytes) && send_buffer(probe.get()) >= 2 * kWideSendBufferBytes;
}

}  // namespace

base::Duration round_trip_of(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return std::chrono::microseconds(info.tcpi_rtt);
}

bool widen_send_buffer(int socket) {
  static const bool is_allowed = system_allows_it();
  return is_allowed && set_send_buffer(socket, kWideSendBufferBytes);
}

}  // namespace libp2p
