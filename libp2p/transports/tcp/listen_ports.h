// Where a transport listens, for dialling from the same port.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <optional>
#include <vector>

namespace libp2p {

/// Shared by a transport and its listeners. Not thread-safe.
class ListenPorts {
 public:
  void add(const boost::asio::ip::tcp::endpoint& bound) { bound_.push_back(bound); }
  void remove(const boost::asio::ip::tcp::endpoint& bound);
  /// What to bind to for dialling `remote`; nothing if there is no listener of its family that could be reached from
  /// there. A listener on all addresses goes before one on a single one.
  std::optional<boost::asio::ip::tcp::endpoint> to_dial(const boost::asio::ip::tcp::endpoint& remote) const;

 private:
  std::vector<boost::asio::ip::tcp::endpoint> bound_;
};

}  // namespace libp2p
