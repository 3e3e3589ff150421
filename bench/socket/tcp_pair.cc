#include "bench/socket/tcp_pair.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace kvp2p::bench {

std::optional<TcpPair> connect_tcp_pair() {
  const base::UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const where = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  if (::bind(listener.get(), where, size) != 0 || ::listen(listener.get(), 1) != 0) return std::nullopt;
  if (::getsockname(listener.get(), where, &size) != 0) return std::nullopt;
  TcpPair pair;
  pair.sender = base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(pair.sender.get(), where, size) != 0) return std::nullopt;
  pair.receiver = base::UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const int on = 1;
  ::setsockopt(pair.sender.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (pair.receiver.get() < 0) return std::nullopt;
  return pair;
}

}  // namespace kvp2p::bench
