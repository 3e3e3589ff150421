// One interface's multicast DNS socket of one address family.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"
#include "libp2p/discovery/mdns/network_interface.h"

#include <boost/asio/ip/udp.hpp>

#include <memory>

namespace libp2p::mdns {

inline constexpr std::uint16_t kMdnsPort = 5353;

enum class Family : std::uint8_t { kIp4, kIp6 };

/// Bound to the group's address (224.0.0.251 or ff02::fb) on port 5353, shared with every other responder of the
/// machine; hears what is sent to the group on its interface and nothing else. Not thread-safe.
class MulticastSocket {
 public:
  /// The system's error if the interface is gone or another program holds the port for itself.
  static base::Result<std::unique_ptr<MulticastSocket>> open(const base::Executor& executor,
                                                             const NetworkInterface& interface, Family family);

  struct Datagram {
    std::size_t size = 0;
    boost::asio::ip::address sender;  ///< without a zone
  };
  /// Waits for the next packet; one longer than `into` is cut. Fails after close(). The caller keeps this alive.
  base::Task<base::Result<Datagram>> receive(base::MutableBytes into);

  /// Sends to the group at once: what the system cannot take now is lost, as any packet may be.
  base::Result<> send(base::ConstBytes packet);

  void close() noexcept;

 private:
  MulticastSocket(boost::asio::ip::udp::socket socket, boost::asio::ip::udp::endpoint group)
      : socket_(std::move(socket)), group_(std::move(group)) {}

  boost::asio::ip::udp::socket socket_;
  boost::asio::ip::udp::endpoint group_;
};

}  // namespace libp2p::mdns
