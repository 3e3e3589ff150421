#include "libp2p/protocols/relay/server.h"

#include "libp2p/protocols/relay/server_impl.h"

namespace libp2p::relay {

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() = default;

base::Result<std::unique_ptr<Server>> Server::create(const base::Executor& executor, base::Clock& clock, Host& host,
                                                     ServerConfig config) {
  if (const auto valid = validate(config.limits); !valid) return valid.error();
  auto impl = std::make_shared<Impl>(executor, clock, host, std::move(config));
  impl->start();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

ServerStats Server::stats() const { return impl_->stats(); }

base::Task<> Server::close() { return Impl::close(impl_); }

}  // namespace libp2p::relay
