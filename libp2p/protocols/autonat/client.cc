#include "libp2p/protocols/autonat/client.h"

#include "libp2p/protocols/autonat/client_impl.h"

namespace libp2p::autonat {

Client::Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Client::~Client() = default;

std::unique_ptr<Client> Client::create(const base::Executor& executor, base::Clock& clock, Host& host,
                                       ClientConfig config) {
  auto impl = std::make_shared<Impl>(executor, clock, host, std::move(config));
  impl->start();
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Verdict Client::verdict(const multiformats::Multiaddr& address) const { return impl_->verdict(address); }

base::Task<> Client::close() { return Impl::close(impl_); }

}  // namespace libp2p::autonat
