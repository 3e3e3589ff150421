#include "libp2p/transports/tcp/tcp_listener.h"

#include "libp2p/core/error.h"
#include "libp2p/transports/tcp/tcp_connection.h"

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace libp2p {

namespace asio = boost::asio;
using asio::ip::tcp;

struct TcpListener::State {
  State(const base::Executor& on, base::Clock& with) : executor(on), clock(with), acceptor(on), wake(on) {}

  base::Executor executor;
  base::Clock& clock;
  tcp::acceptor acceptor;
  base::Signal wake;  // ends the wait of pause()
  std::shared_ptr<ListenPorts> ports;
  tcp::endpoint bound;
  bool closed = false;

  boost::system::error_code bind(const tcp::endpoint& endpoint) {
    boost::system::error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && endpoint.protocol() == tcp::v6()) acceptor.set_option(asio::ip::v6_only(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(kBacklog, error);
    if (!error) share_port();
    return error;
  }

  /// Lets sockets that dial have the port too (dial_from_listen_port). Set when the port is ours, it lets no other
  /// listener have it: that one does not ask for a shared port when it binds.
  void share_port() {
    const int on = 1;
    // Where it fails, dialling goes on from another port.
    (void)setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  }

  /// Waits for kRetryDelay, or until the listener is closed.
  base::Task<> pause() {
    bool due = false;
    auto timer = clock.call_at(clock.now() + kRetryDelay, [&] {
      due = true;
      wake.notify_all();
    });
    while (!due && !closed) co_await wake.wait();
  }
};

base::Result<std::unique_ptr<Listener>> TcpListener::open(const base::Executor& executor, base::Clock& clock,
                                                          const tcp::endpoint& endpoint,
                                                          std::shared_ptr<ListenPorts> ports) {
  auto state = std::make_shared<State>(executor, clock);
  boost::system::error_code error = state->bind(endpoint);
  if (error) return error;
  const tcp::endpoint bound = state->acceptor.local_endpoint(error);
  if (error) return error;
  state->bound = bound;
  state->ports = std::move(ports);
  state->ports->add(bound);
  return std::unique_ptr<Listener>(new TcpListener(std::move(state), to_multiaddr(bound)));
}

base::Task<base::Result<RawConnection>> TcpListener::accept() {
  auto state = state_;
  while (!state->closed) {
    boost::system::error_code error;
    tcp::socket socket(state->executor);
    co_await state->acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (state->closed) break;
    if (!error) {
      auto connection = make_raw_connection(std::move(socket));
      if (connection) co_return connection;
      continue;  // it has gone already
    }
    // Out of descriptors or memory, most likely: trying again at once would only burn time.
    if (error != asio::error::connection_aborted) co_await state->pause();
  }
  co_return Error::kClosing;
}

void TcpListener::close() noexcept {
  if (!state_->closed) state_->ports->remove(state_->bound);
  state_->closed = true;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  state_->wake.notify_all();
}

}  // namespace libp2p
