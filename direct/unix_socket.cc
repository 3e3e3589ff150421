#include "direct/unix_socket.h"

#include "direct/limits.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace kvp2p::direct {

namespace {

struct Address {
  sockaddr_un address{};
  socklen_t bytes = 0;
};

Address address_of(const std::string& name) {
  Address made;
  made.address.sun_family = AF_UNIX;
  const std::size_t size = std::min(name.size(), sizeof(made.address.sun_path) - 1);
  std::memcpy(made.address.sun_path + 1, name.data(), size);  // a zero byte first: abstract
  made.bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + size);
  return made;
}

base::Error last_error() { return {errno, boost::system::system_category()}; }

base::UniqueFd make_socket() {
  return base::UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

constexpr std::size_t kControlBytes = CMSG_SPACE(kDirectDescriptorsMax * sizeof(int));

void take_descriptors(msghdr& header, std::vector<base::UniqueFd>& into) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      into.emplace_back(fd);
    }
  }
}

}  // namespace

base::Result<base::UniqueFd> listen_at(const std::string& name, int backlog) {
  base::UniqueFd fd = make_socket();
  const Address at = address_of(name);
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at.address), at.bytes) != 0 ||
      ::listen(fd.get(), backlog) != 0) {
    return last_error();
  }
  return fd;
}

base::Result<base::UniqueFd> connect_to(const std::string& name) {
  base::UniqueFd fd = make_socket();
  const Address at = address_of(name);
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&at.address), at.bytes) != 0) return last_error();
  return fd;
}

base::UniqueFd accept_one(int listener) {
  return base::UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

base::Result<uid_t> peer_user(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return last_error();
  return credentials.uid;
}

SendOutcome send_packet(int fd, base::ConstBytes bytes, const std::vector<int>& descriptors) {
  iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, kControlBytes> control{};
  if (!descriptors.empty()) {
    const std::size_t size = descriptors.size() * sizeof(int);
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(rights), descriptors.data(), size);
  }
  const ssize_t sent = ::sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent == static_cast<ssize_t>(bytes.size())) return SendOutcome::kSent;
  if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return SendOutcome::kWouldBlock;
  if (sent < 0 && errno == ETOOMANYREFS) return SendOutcome::kTooManyInFlight;
  return SendOutcome::kBroken;
}

ReceiveOutcome receive_packet(int fd, Packet& packet) {
  packet.descriptors.clear();
  packet.bytes.resize(kDirectMessageBytesMax);
  iovec part{packet.bytes.data(), packet.bytes.size()};
  alignas(cmsghdr) std::array<char, kControlBytes> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = ::recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  // The other end closed before it had read everything: what it said before that comes after the error.
  if (size < 0 && errno == ECONNRESET) size = ::recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (size < 0) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? ReceiveOutcome::kNothing : ReceiveOutcome::kEnd;
  }
  take_descriptors(header, packet.descriptors);
  packet.bytes.resize(static_cast<std::size_t>(size));
  // An empty message would look like the end; nobody who means well sends one.
  if (size == 0 || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    packet.descriptors.clear();
    return ReceiveOutcome::kEnd;
  }
  return ReceiveOutcome::kPacket;
}

bool is_hung_up(int fd) {
  pollfd at{fd, POLLRDHUP, 0};
  return ::poll(&at, 1, 0) < 0 || (at.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)) != 0;
}

}  // namespace kvp2p::direct
