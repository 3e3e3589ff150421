#include "libp2p/protocols/autonat/server.h"

#include "libp2p/protocols/autonat/server_impl.h"

namespace libp2p::autonat {

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() = default;

std::unique_ptr<Server> Server::create(const base::Executor& executor, base::Clock& clock, Host& host,
                                       std::unique_ptr<Host> dial_back, ServerConfig config) {
  auto impl = std::make_shared<Impl>(executor, clock, host, std::move(dial_back), std::move(config));
  impl->start();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

ServerStats Server::stats() const { return impl_->stats(); }

base::Task<> Server::close() { return Impl::close(impl_); }

}  // namespace libp2p::autonat
