#include "libp2p/protocols/relay/client.h"

#include "libp2p/protocols/relay/circuit_transport.h"
#include "libp2p/protocols/relay/client_impl.h"

namespace libp2p::relay {

Client::Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Client::~Client() = default;

std::unique_ptr<Client> Client::create(const base::Executor& executor, base::Clock& clock, Host& host,
                                       ClientConfig config) {
  auto impl = std::make_shared<Impl>(executor, clock, host, std::move(config));
  impl->start();
  host.add_transport(std::make_unique<CircuitTransport>(impl));
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

std::vector<RelayState> Client::relays() const { return impl_->relays(); }

void Client::on_changed(std::function<void()> call) { impl_->on_changed(std::move(call)); }

base::Task<> Client::close() { return Impl::close(impl_); }

}  // namespace libp2p::relay
