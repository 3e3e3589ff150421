#include "libp2p/protocols/kad/kademlia.h"

#include "libp2p/protocols/kad/kademlia_impl.h"

namespace libp2p::kad {

using multiformats::PeerId;

base::Result<std::unique_ptr<Kademlia>> Kademlia::create(const base::Executor& executor, base::Clock& clock, Host& host,
                                                         Config config) {
  if (auto valid = validate(config); !valid) return valid.error();
  auto impl = std::make_shared<Impl>(executor, clock, host, std::move(config));
  impl->start();
  return std::unique_ptr<Kademlia>(new Kademlia(std::move(impl)));
}

Kademlia::Kademlia(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Kademlia::~Kademlia() = default;

void Kademlia::add_address(const PeerId& peer, std::vector<multiformats::Multiaddr> addresses) {
  impl_->add_address({peer, std::move(addresses)});
}

base::Result<> Kademlia::add_address(const multiformats::Multiaddr& address) {
  const auto peer = address.peer_id();
  if (!peer) return Errc::kBadKey;
  add_address(*peer, {address.without_peer()});
  return {};
}

base::Task<base::Result<std::vector<PeerEntry>>> Kademlia::find_closest(base::Bytes key) {
  const auto impl = impl_;
  auto query = impl->behaviour().find_closest(std::move(key), impl->now());
  auto result = co_await Impl::run(impl, std::move(query));
  if (!result) co_return result.error();
  co_return std::move(result->peers);
}

base::Task<base::Result<PeerEntry>> Kademlia::find_peer(PeerId peer) {
  const auto impl = impl_;
  if (auto connected = impl->connected_peer(peer)) co_return std::move(*connected);
  auto query = impl->behaviour().find_peer(peer, impl->now());
  auto result = co_await Impl::run(impl, std::move(query));
  if (!result) co_return result.error();
  if (result->peers.empty()) co_return Errc::kNotFound;
  co_return std::move(result->peers.front());
}

base::Task<base::Result<std::size_t>> Kademlia::provide(base::Bytes key) {
  const auto impl = impl_;
  impl->look_up_addresses();
  auto query = impl->behaviour().provide(std::move(key), impl->now());
  auto result = co_await Impl::run(impl, std::move(query));
  if (!result) co_return result.error();
  co_return result->told;
}

void Kademlia::stop_providing(const base::Bytes& key) { impl_->behaviour().stop_providing(key); }

base::Task<base::Result<std::vector<PeerEntry>>> Kademlia::find_providers(base::Bytes key, std::size_t count) {
  const auto impl = impl_;
  auto query = impl->behaviour().find_providers(std::move(key), count, impl->now());
  auto result = co_await Impl::run(impl, std::move(query));
  if (!result) co_return result.error();
  co_return std::move(result->peers);
}

base::Task<base::Result<base::Bytes>> Kademlia::get_value(base::Bytes key) {
  const auto impl = impl_;
  auto query = impl->behaviour().get_value(std::move(key), impl->now());
  auto result = co_await Impl::run(impl, std::move(query));
  if (!result) co_return result.error();
  if (!result->value) co_return Errc::kNotFound;
  co_return std::move(*result->value);
}

base::Task<base::Result<std::size_t>> Kademlia::put_value(base::Bytes key, base::Bytes value, bool keep) {
  const auto impl = impl_;
  auto query = impl->behaviour().put_value(std::move(key), std::move(value), keep, impl->now());
  auto result = co_await Impl::run(impl, std::move(query));
  if (!result) co_return result.error();
  if (result->told == 0) co_return Errc::kNotStored;
  co_return result->told;
}

void Kademlia::set_mode(Mode mode) { impl_->set_mode(mode); }
bool Kademlia::is_server() const { return impl_->is_server(); }
const RoutingTable& Kademlia::table() const { return impl_->behaviour().table(); }
Stats Kademlia::stats() const { return impl_->stats(); }
base::Task<> Kademlia::close() { return Impl::close(impl_); }

}  // namespace libp2p::kad
