#include "tools/link/namespaces.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

namespace kvp2p::link {

namespace {

constexpr char kDevice[] = "wire";
/// Packets that wait for this program to read them.
constexpr int kTunQueuePackets = 10'000;

void check(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::system_category(), what);
}

ifreq request_for(const char* device) {
  ifreq request{};
  std::strncpy(request.ifr_name, device, IFNAMSIZ - 1);
  return request;
}

void set_address(int socket, unsigned long which, const std::string& text, const char* what) {
  ifreq request = request_for(kDevice);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (::inet_pton(AF_INET, text.c_str(), &address.sin_addr) != 1) {
    throw std::system_error(EINVAL, std::system_category(), what);
  }
  std::memcpy(&request.ifr_addr, &address, sizeof address);
  check(::ioctl(socket, which, &request), what);
}

void bring_up(int socket, const char* device) {
  ifreq request = request_for(device);
  check(::ioctl(socket, SIOCGIFFLAGS, &request), "reading a device's flags");
  request.ifr_flags |= IFF_UP;
  check(::ioctl(socket, SIOCSIFFLAGS, &request), "bringing a device up");
}

base::UniqueFd make_tun() {
  base::UniqueFd tun(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  check(tun.get(), "opening /dev/net/tun");
  ifreq request = request_for(kDevice);
  request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  check(::ioctl(tun.get(), TUNSETIFF, &request), "making a TUN device");
  const unsigned offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
  check(::ioctl(tun.get(), TUNSETOFFLOAD, offload), "turning on the TUN device's offload");
  return tun;
}

/// In the calling thread's namespace.
void configure(const EndConfig& config) {
  base::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  check(socket.get(), "opening a socket");
  ifreq request = request_for(kDevice);
  request.ifr_mtu = config.mtu;
  check(::ioctl(socket.get(), SIOCSIFMTU, &request), "setting the MTU");
  request = request_for(kDevice);
  request.ifr_qlen = kTunQueuePackets;
  check(::ioctl(socket.get(), SIOCSIFTXQLEN, &request), "setting the device's queue");
  set_address(socket.get(), SIOCSIFADDR, config.address, "setting the address");
  set_address(socket.get(), SIOCSIFNETMASK, "255.255.255.0", "setting the netmask");
  bring_up(socket.get(), "lo");
  bring_up(socket.get(), kDevice);
}

}  // namespace

std::optional<End> make_end(const EndConfig& config, std::string& why_not) {
  std::optional<End> end;
  // A thread of its own moves into the new namespace and ends; the others stay where they are.
  std::thread maker([&] {
    try {
      check(::unshare(CLONE_NEWNET), "making a network namespace");
      End made;
      made.netns.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
      check(made.netns.get(), "opening the network namespace");
      made.tun = make_tun();
      configure(config);
      end = std::move(made);
    } catch (const std::system_error& error) {
      why_not = error.what();
    }
  });
  maker.join();
  return end;
}

}  // namespace kvp2p::link
