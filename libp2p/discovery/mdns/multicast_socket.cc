#include "libp2p/discovery/mdns/multicast_socket.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace libp2p::mdns {

namespace {

using boost::asio::ip::udp;

constexpr char kGroupIp4[] = "224.0.0.251";
constexpr char kGroupIp6[] = "ff02::fb";
/// RFC 6762 section 11: 255, which a router cannot have passed on unchanged.
constexpr int kHops = 255;

udp::endpoint group_endpoint(const NetworkInterface& interface, Family family) {
  if (family == Family::kIp4) return {boost::asio::ip::make_address_v4(kGroupIp4), kMdnsPort};
  auto group = boost::asio::ip::make_address_v6(kGroupIp6);
  group.scope_id(interface.index);
  return {group, kMdnsPort};
}

template <class Value>
bool set_option(udp::socket& socket, int level, int name, const Value& value) {
  return setsockopt(socket.native_handle(), level, name, &value, sizeof(value)) == 0;
}

/// Joins on this interface only, sends out of it with its own address, and hears what this machine sends, too.
bool join_ip4(udp::socket& socket, const NetworkInterface& interface) {
  const auto own = std::find_if(interface.addresses.begin(), interface.addresses.end(),
                                [](const InterfaceAddress& a) { return a.address.is_v4(); });
  ip_mreqn request{};
  const auto group = boost::asio::ip::make_address_v4(kGroupIp4).to_bytes();
  std::memcpy(&request.imr_multiaddr, group.data(), group.size());
  request.imr_ifindex = static_cast<int>(interface.index);
  if (!set_option(socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, request)) return false;
  if (own != interface.addresses.end()) {
    const auto address = own->address.to_v4().to_bytes();
    std::memcpy(&request.imr_address, address.data(), address.size());
  }
  // IP_MULTICAST_ALL off: otherwise it hears the groups that anyone has joined on any interface.
  return set_option(socket, IPPROTO_IP, IP_MULTICAST_IF, request) &&
         set_option(socket, IPPROTO_IP, IP_MULTICAST_ALL, 0) && set_option(socket, IPPROTO_IP, IP_MULTICAST_LOOP, 1) &&
         set_option(socket, IPPROTO_IP, IP_MULTICAST_TTL, kHops);
}

bool join_ip6(udp::socket& socket, const NetworkInterface& interface) {
  ipv6_mreq request{};
  const auto group = boost::asio::ip::make_address_v6(kGroupIp6).to_bytes();
  std::memcpy(&request.ipv6mr_multiaddr, group.data(), group.size());
  request.ipv6mr_interface = interface.index;
  const int index = static_cast<int>(interface.index);
  return set_option(socket, IPPROTO_IPV6, IPV6_JOIN_GROUP, request) &&
         set_option(socket, IPPROTO_IPV6, IPV6_MULTICAST_IF, index) &&
         set_option(socket, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1) &&
         set_option(socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, kHops);
}

base::Error last_error() { return {errno, boost::system::system_category()}; }

}  // namespace

base::Result<std::unique_ptr<MulticastSocket>> MulticastSocket::open(const base::Executor& executor,
                                                                     const NetworkInterface& interface, Family family) {
  const udp::endpoint group = group_endpoint(interface, family);
  udp::socket socket(executor);
  base::Error error;
  socket.open(group.protocol(), error);
  if (error) return error;
  socket.non_blocking(true, error);
  if (error) return error;
  // Both, so that we share the port with programs that set either.
  if (!set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1) || !set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1)) {
    return last_error();
  }
  // The group's address with its zone binds to the interface as well, which IPv6 needs: its memberships do not filter.
  socket.bind(group, error);
  if (error) return error;
  if (!(family == Family::kIp4 ? join_ip4(socket, interface) : join_ip6(socket, interface))) return last_error();
  return std::unique_ptr<MulticastSocket>(new MulticastSocket(std::move(socket), group));
}

base::Task<base::Result<MulticastSocket::Datagram>> MulticastSocket::receive(base::MutableBytes into) {
  udp::endpoint sender;
  base::Error error;
  const auto buffer = boost::asio::buffer(into.data(), into.size());
  const std::size_t size = co_await socket_.async_receive_from(
      buffer, sender, boost::asio::redirect_error(boost::asio::use_awaitable, error));
  if (error) co_return error;
  Datagram datagram{size, sender.address()};
  if (sender.address().is_v6()) {
    datagram.sender = boost::asio::ip::address_v6(sender.address().to_v6().to_bytes());
  }
  co_return datagram;
}

base::Result<> MulticastSocket::send(base::ConstBytes packet) {
  base::Error error;
  socket_.send_to(boost::asio::buffer(packet.data(), packet.size()), group_, 0, error);
  if (error) return error;
  return {};
}

void MulticastSocket::close() noexcept {
  base::Error ignored;
  socket_.close(ignored);
}

}  // namespace libp2p::mdns
