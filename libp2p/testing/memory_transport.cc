#include "libp2p/testing/memory_transport.h"

#include "base/signal.h"
#include "libp2p/core/error.h"

#include <boost/asio/error.hpp>

#include <deque>

namespace libp2p::testing {

class MemoryListener final : public Listener {
 public:
  MemoryListener(MemoryNetwork& network, multiformats::Multiaddr at, MemoryTransport::Wrap wrap)
      : network_(network),
        at_(std::move(at)),
        wrap_(std::move(wrap)),
        state_(std::make_shared<State>(network.executor_)) {
    network_.listeners_[at_] = this;
  }
  ~MemoryListener() override { close(); }

  multiformats::Multiaddr local_address() const override { return at_; }

  base::Task<base::Result<RawConnection>> accept() override {
    auto state = state_;
    while (state->arrived.empty() && !state->closed) co_await state->changed.wait();
    if (state->closed) co_return Error::kClosing;
    RawConnection raw = std::move(state->arrived.front());
    state->arrived.pop_front();
    co_return raw;
  }

  void close() noexcept override {
    if (state_->closed) return;
    network_.listeners_.erase(at_);
    state_->closed = true;
    state_->arrived.clear();
    state_->changed.notify_all();
  }

  void arrive(RawConnection raw) {
    if (wrap_) raw.stream = wrap_(std::move(raw.stream));
    state_->arrived.push_back(std::move(raw));
    state_->changed.notify_all();
  }

 private:
  struct State {
    explicit State(const base::Executor& executor) : changed(executor) {}
    base::Signal changed;
    std::deque<RawConnection> arrived;
    bool closed = false;
  };

  MemoryNetwork& network_;
  multiformats::Multiaddr at_;
  MemoryTransport::Wrap wrap_;
  std::shared_ptr<State> state_;
};

namespace {

multiformats::Multiaddr with_port(const multiformats::Multiaddr& address, std::uint16_t port) {
  return multiformats::Multiaddr::from_ip_tcp(address.tcp_endpoint()->address, port);
}

}  // namespace

base::Task<base::Result<RawConnection>> MemoryTransport::dial(multiformats::Multiaddr address, base::Duration,
                                                              std::stop_token) {
  const auto found = network_.listeners_.find(address);
  if (found == network_.listeners_.end())
    co_return boost::asio::error::make_error_code(boost::asio::error::connection_refused);
  const multiformats::Multiaddr ours = with_port(address, network_.next_port_++);
  auto [left, right] = make_memory_pipe(network_.executor_, network_.options_);
  RawConnection theirs{std::move(right), address, ours};
  found->second->arrive(std::move(theirs));
  if (wrap_) left = wrap_(std::move(left));
  co_return RawConnection{std::move(left), ours, address};
}

base::Result<std::unique_ptr<Listener>> MemoryTransport::listen(const multiformats::Multiaddr& address) {
  const multiformats::Multiaddr at = with_port(address, network_.next_port_++);
  return std::make_unique<MemoryListener>(network_, at, wrap_);
}

}  // namespace libp2p::testing
