#include "libp2p/transports/tcp/tcp_transport.h"

#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/transports/tcp/send_buffer.h"
#include "libp2p/transports/tcp/tcp_connection.h"
#include "libp2p/transports/tcp/tcp_listener.h"
#include "libp2p/transports/tcp/tcp_stream.h"

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <net/if.h>

#include <charconv>
#include <stop_token>

namespace libp2p {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// An interface's index by name or by number; 0 if there is none.
std::uint32_t zone_index(const std::string& zone) {
  std::uint32_t index = 0;
  const auto parsed = std::from_chars(zone.data(), zone.data() + zone.size(), index);
  if (parsed.ec == std::errc() && parsed.ptr == zone.data() + zone.size()) return index;
  return if_nametoindex(zone.c_str());
}

base::Result<tcp::endpoint> to_endpoint(const multiformats::Multiaddr& address) {
  const auto parsed = address.tcp_endpoint();
  if (!parsed) return Error::kUnsupportedAddress;
  if (parsed->zone.empty() || !parsed->address.is_v6()) return tcp::endpoint(parsed->address, parsed->port);
  auto scoped = parsed->address.to_v6();
  scoped.scope_id(zone_index(parsed->zone));
  if (scoped.scope_id() == 0) return boost::system::error_code(ENODEV, boost::system::system_category());
  return tcp::endpoint(scoped, parsed->port);
}

void close_socket(tcp::socket& socket) {
  boost::system::error_code ignored;
  socket.close(ignored);
}

base::Task<base::Result<RawConnection>> connect(tcp::socket socket, tcp::endpoint to, base::Clock& clock,
                                                base::Duration timeout, std::stop_token stop) {
  if (stop.stop_requested()) co_return Error::kClosing;
  ScopedDeadline deadline(clock, clock.now() + timeout, [&socket] { close_socket(socket); });
  const std::stop_callback on_stop(stop, [&socket] { close_socket(socket); });
  boost::system::error_code error;
  co_await socket.async_connect(to, asio::redirect_error(asio::use_awaitable, error));
  if (stop.stop_requested()) co_return Error::kClosing;
  if (deadline.expired() || error == asio::error::timed_out) co_return Error::kTimeout;
  if (error) co_return error;
  co_return make_raw_connection(std::move(socket));
}

/// Binds to an address that somebody listens on; what listens there must share it. False if that cannot be.
bool bind_to_shared(tcp::socket& socket, const tcp::endpoint& at) {
  boost::system::error_code error;
  socket.open(at.protocol(), error);
  if (!error) socket.set_option(tcp::socket::reuse_address(true), error);
  const int on = 1;
  if (!error && setsockopt(socket.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) return false;
  if (!error && at.protocol() == tcp::v6()) socket.set_option(asio::ip::v6_only(true), error);
  if (!error) socket.bind(at, error);
  return !error;
}

/// Whether there is, or was a moment ago, a connection between the two addresses and ports.
bool is_taken(const base::Error& error) {
  return error == asio::error::address_in_use || error.value() == EADDRNOTAVAIL;
}

}  // namespace

base::Result<RawConnection> make_raw_connection(tcp::socket socket) {
  boost::system::error_code error;
  socket.set_option(tcp::no_delay(true), error);
  if (error) return error;
  // A buffer that stays as it is works too, slower.
  if (round_trip_of(socket.native_handle()) >= kLongRoundTrip) widen_send_buffer(socket.native_handle());
  const tcp::endpoint local = socket.local_endpoint(error);
  if (error) return error;
  const tcp::endpoint remote = socket.remote_endpoint(error);
  if (error) return error;
  return RawConnection{std::make_unique<TcpStream>(std::move(socket)), to_multiaddr(local), to_multiaddr(remote)};
}

bool TcpTransport::can_dial(const multiformats::Multiaddr& address) const { return address.tcp_endpoint().has_value(); }

base::Task<base::Result<RawConnection>> TcpTransport::dial(multiformats::Multiaddr address, base::Duration timeout,
                                                           std::stop_token stop) {
  const auto endpoint = to_endpoint(address);
  if (!endpoint) co_return endpoint.error();
  tcp::socket socket(executor_);
  auto connection = co_await connect(std::move(socket), *endpoint, clock_, timeout, std::move(stop));
  co_return connection;
}

base::Task<base::Result<RawConnection>> TcpTransport::dial_from_listen_port(multiformats::Multiaddr address,
                                                                            base::Duration timeout,
                                                                            std::stop_token stop) {
  const auto endpoint = to_endpoint(address);
  if (!endpoint) co_return endpoint.error();
  // Kept apart from the transport, which may be gone when the first attempt has ended.
  const base::Executor executor = executor_;
  base::Clock& clock = clock_;
  const base::TimePoint deadline = clock.now() + timeout;
  const auto from = ports_->to_dial(*endpoint);
  tcp::socket bound(executor);
  if (from && bind_to_shared(bound, *from)) {
    auto connection = co_await connect(std::move(bound), *endpoint, clock, timeout, stop);
    if (connection || !is_taken(connection.error())) co_return connection;
  }
  tcp::socket socket(executor);
  auto connection = co_await connect(std::move(socket), *endpoint, clock, deadline - clock.now(), std::move(stop));
  co_return connection;
}

base::Result<std::unique_ptr<Listener>> TcpTransport::listen(const multiformats::Multiaddr& address) {
  const auto endpoint = to_endpoint(address);
  if (!endpoint) return endpoint.error();
  return TcpListener::open(executor_, clock_, *endpoint, ports_);
}

}  // namespace libp2p
